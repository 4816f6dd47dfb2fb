package informers

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// traffic counts what the informers ask for. It is safe for concurrent use.
type traffic struct {
	mu           sync.Mutex
	lists        int64
	streamed     int64
	contentTypes map[string]bool
}

func newTraffic() *traffic { return &traffic{contentTypes: map[string]bool{}} }

// wrap counts what goes through next. With only set, nothing else is accepted:
// some clients set their Accept header themselves, with several types.
func (t *traffic) wrap(next http.RoundTripper, only string) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if only != "" {
			req = req.Clone(req.Context())
			req.Header.Set("Accept", keep(req.Header.Get("Accept"), only))
		}
		query := req.URL.Query()
		watch, initial := isTrue(query.Get("watch")), isTrue(query.Get("sendInitialEvents"))
		resp, err := next.RoundTrip(req)
		if err != nil {
			return resp, err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if resp.StatusCode == http.StatusOK && (!watch || initial) {
			t.lists++
		}
		if resp.StatusCode == http.StatusOK && watch && initial {
			t.streamed++
		}
		t.contentTypes[resp.Header.Get("Content-Type")] = true
		return resp, nil
	})
}

// fill tells what was counted so far.
func (t *traffic) fill(a *Answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.Lists, a.StreamedLists = t.lists, t.streamed
	a.ContentTypes = slices.Sorted(maps.Keys(t.contentTypes))
}

// keep drops the media types of an Accept header that are not of the wanted type.
func keep(accept, wanted string) string {
	var out []string
	for part := range strings.SplitSeq(accept, ",") {
		if strings.HasPrefix(strings.TrimSpace(part), wanted) {
			out = append(out, strings.TrimSpace(part))
		}
	}
	if len(out) == 0 {
		return wanted
	}
	return strings.Join(out, ",")
}

func isTrue(value string) bool { return value == "true" || value == "1" }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

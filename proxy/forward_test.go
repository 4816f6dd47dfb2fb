package proxy

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/user"
)

// addIdentity writes what client-go does, for any user.
func TestIdentityIsClientGos(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	texts := []string{"", "a", "A-b", "ä ö", "x/y%z", "authentication.kubernetes.io/pod-name", user.CredentialIDKey, "AUTHENTICATION.kubernetes.io/pod-name", "scopes", "Scopes", "\x00\n"}
	text := func() string { return texts[random.IntN(len(texts))] }
	list := func() []string {
		out := make([]string, random.IntN(4))
		for i := range out {
			out[i] = text()
		}
		return out
	}
	for range 2000 {
		u := &user.DefaultInfo{Name: text(), UID: text(), Groups: list(), Extra: map[string][]string{}}
		for range random.IntN(4) {
			u.Extra[text()] = list()
		}
		before := fmt.Sprintf("%#v", u)
		want, got := IdentityHeaders(u), http.Header{}
		addIdentity(got, u)
		for _, h := range []http.Header{want, got} {
			for name := range h {
				if strings.HasPrefix(name, "X-Remote-Extra-") {
					slices.Sort(h[name]) // two keys may share a header; their order is a map's
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%#v (-client-go +kagg):\n%s", u, diff)
		}
		if after := fmt.Sprintf("%#v", u); before != after {
			t.Fatalf("the user was changed from %s to %s", before, after)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(extraHeaders)) {
		if got, want := extraHeader(key), escapedExtraHeader(key); got != want || want == "" {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

// Requests and answers that need more than to be passed on are the libraries'.
func TestWhatIsSimple(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header http.Header
		body   io.Reader
		want   bool
	}{
		{http.Header{"Accept": {"a"}}, nil, true},
		{http.Header{"Connection": {"X-Remote-User"}}, nil, false},
		{http.Header{"Te": {"trailers"}}, nil, false},
		{http.Header{"Upgrade": {"x"}}, nil, false},
		{http.Header{"Trailer": {"x"}}, nil, false},
		{http.Header{}, strings.NewReader("x"), false},
	} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", tt.body)
		req.Header = tt.header
		if got := simple(req); got != tt.want {
			t.Errorf("%v, body %t: %t", tt.header, tt.body != nil, got)
		}
	}
	for _, tt := range []struct {
		resp http.Response
		want bool
	}{
		{http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}}, true},
		{http.Response{StatusCode: http.StatusSwitchingProtocols}, false},
		{http.Response{StatusCode: http.StatusCreated, Header: http.Header{"Location": {"/x"}}}, false},
		{http.Response{StatusCode: http.StatusOK, Header: http.Header{"Connection": {"close"}}}, false},
		{http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {" Text/HTML ; charset=utf-8"}}}, false},
		{http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/event-stream"}}}, false},
	} {
		if got := plain(&tt.resp); got != tt.want {
			t.Errorf("%d %v: %t", tt.resp.StatusCode, tt.resp.Header, got)
		}
	}
}

// X-Forwarded-Uri is what apimachinery's proxy transport writes.
func TestForwardedURI(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"": "", "/": "//", "/a": "/a", "/a/": "/a/", "/a//b/../c": "/a/c", "/a b": "/a%20b", "/a//": "/a/"} {
		if got := forwardedURI(&url.URL{Path: path}); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

// flushes counts those of an answer.
type flushes struct {
	*httptest.ResponseRecorder
	n int
}

func (f *flushes) Flush() { f.n++ }

// Slow answers are flushed in time, and what ends an answer waits for nothing.
func TestFlusher(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		length int64
		writes []int
		want   []int // flushes so far: after start, and flushInterval after each write
	}{
		{"unknown", -1, []int{3, 3}, []int{1, 2, 3}},
		{"short, at once", 6, []int{6}, []int{1, 2}},
		{"short, in two", 6, []int{3, 3}, []int{1, 2, 3}},
		{"long", 10_000, []int{1, 9_998, 1}, []int{1, 2, 3, 4}},
		{"empty", 0, nil, []int{0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &flushes{ResponseRecorder: httptest.NewRecorder()}
				f := &flusher{w: w, queue: &flushQueue{}, length: tt.length}
				f.start()
				got := make([]int, 0, len(tt.want))
				note := func() {
					time.Sleep(flushInterval + time.Millisecond)
					f.mu.Lock()
					defer f.mu.Unlock()
					got = append(got, w.n)
				}
				note()
				for _, n := range tt.writes {
					if _, err := f.Write(make([]byte, n)); err != nil {
						t.Fatal(err)
					}
					note()
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
				_, _ = f.Write([]byte("x"))
				f.stop()
				before := w.n
				time.Sleep(time.Second)
				if w.n != before {
					t.Error("flushed after its end")
				}
			})
		})
	}
}

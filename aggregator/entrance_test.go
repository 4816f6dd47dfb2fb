package aggregator

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/audit"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
)

// The chain's time for requests that are to outlast it, and for those that are to end in time on the busiest machine.
const timeoutInTests, ampleTimeout = 200 * time.Millisecond, 5 * time.Minute

// heard is what a handler finds in its request.
type heard struct {
	Info               *apirequest.RequestInfo
	AuditID            string
	Deadline           bool
	Left               time.Duration // in steps of the tests' timeout's quarter
	Received           bool
	User               string
	Header             http.Header
	Notifies, Flushes  bool
	Answer             http.Header
	ProtoMajor, Length int
}

// hear looks at a request that was sent after a moment.
func hear(w http.ResponseWriter, req *http.Request, sent time.Time) heard {
	ctx := req.Context()
	var h heard
	h.Info, _ = apirequest.RequestInfoFrom(ctx)
	h.AuditID = audit.GetAuditIDTruncated(ctx)
	received, ok := apirequest.ReceivedTimestampFrom(ctx)
	h.Received = ok && !received.Before(sent)
	if at, ok := ctx.Deadline(); ok {
		h.Deadline, h.Left = true, at.Sub(received).Round(timeoutInTests/4)
	}
	if u, ok := apirequest.UserFrom(ctx); ok {
		h.User = u.GetName()
	}
	h.Header = req.Header.Clone()
	h.Header.Del(turnHeader)
	_, h.Notifies = w.(http.CloseNotifier) //nolint:staticcheck // handlers ask
	_, h.Flushes = w.(http.Flusher)
	h.Answer = w.Header().Clone()
	for name, values := range h.Answer {
		for i, v := range values {
			h.Answer[name][i] = anyID.ReplaceAllString(v, "ID")
		}
	}
	h.ProtoMajor, h.Length = req.ProtoMajor, int(req.ContentLength)
	return h
}

// told is what a client reads.
type told struct {
	Code            int
	Early           []string
	Header, Trailer http.Header
	Length          int64
	Body            string
	Broken          bool
}

var anyID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

func (tc *entranceCase) send(t *testing.T, s *httptest.Server) told {
	t.Helper()
	var got told
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		got.Early = append(got.Early, fmt.Sprint(code, len(h["Audit-Id"]), h["Cache-Control"], h["Link"]))
		return nil
	}})
	var body io.Reader
	if tc.body != "" {
		body = strings.NewReader(tc.body)
	}
	req, err := http.NewRequestWithContext(ctx, tc.method, s.URL+tc.uri, body)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, tc.header)
	resp, err := s.Client().Do(req)
	if err != nil {
		got.Broken = true
		return got
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	got.Code, got.Header, got.Trailer, got.Length = resp.StatusCode, resp.Header, resp.Trailer, resp.ContentLength
	got.Body, got.Broken = anyID.ReplaceAllString(string(data), "ID"), err != nil
	got.Header.Del("Date")
	for i, id := range got.Header["Audit-Id"] {
		got.Header["Audit-Id"][i] = anyID.ReplaceAllString(id, "ID")
	}
	return got
}

// The entrance is the filters that it stands for: handlers find the same in their requests, and
// clients get the same answers, also after the time and where a handler panics.
func TestEntranceIsItsFilters(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		for _, prompt := range []bool{false, true} {
			t.Run(fmt.Sprintf("h2 %t, prompt %t", http2, prompt), func(t *testing.T) {
				t.Parallel()
				compareEntrance(t, http2, prompt)
			})
		}
	}
}

func compareEntrance(t *testing.T, http2, prompt bool) {
	t.Helper()
	c := plainChain(t)
	c.prompt = func(*http.Request) bool { return prompt }
	ends, outlasts := newEntrancePair(t, c, ampleTimeout, http2), newEntrancePair(t, c, timeoutInTests, http2)
	for _, tc := range entranceCases() {
		tc.header = tc.header.Clone()
		if tc.header == nil {
			tc.header = http.Header{}
		}
		tc.header.Set("X-Does", tc.does)
		pair := ends
		if tc.late() {
			pair = outlasts
		}
		var gots [2]told
		var found [2]heard
		for i, s := range pair {
			gots[i], found[i] = s.ask(t, &tc)
		}
		if d := cmp.Diff(found[0], found[1]); d != "" {
			t.Errorf("%s: what the handler found (-filters +entrance):\n%s", tc.name, d)
		}
		if d := cmp.Diff(gots[0], gots[1]); d != "" {
			t.Errorf("%s: what the client got (-filters +entrance):\n%s", tc.name, d)
		}
	}
}

// turnHeader tells the requests to an entranceServer apart.
const turnHeader = "X-Turn"

// entranceServer is a chain before the behaviours.
type entranceServer struct {
	*httptest.Server

	mu   sync.Mutex
	turn int
	sent time.Time
	// found is what the handler of this turn found, the last where a client tried again when its connection broke off;
	// begun counts them, and inTime those that were not late before they meant to be.
	found         heard
	begun, inTime int
}

// newEntrancePair is a chain of the filters one by one, and one with the entrance.
func newEntrancePair(t *testing.T, c chain, timeout time.Duration, http2 bool) [2]*entranceServer {
	t.Helper()
	c.limits.RequestTimeout = timeout
	stock := c
	stock.limits.GoawayChance = 1e-300 // asks for a filter that does nothing
	if len(stock.filters()) <= len(c.filters()) {
		t.Fatal("the stock chain is no longer than the one with the entrance")
	}
	var pair [2]*entranceServer
	for i, c := range []chain{stock, c} {
		pair[i] = &entranceServer{}
		pair[i].Server = chainServer(t, c.handler(http.HandlerFunc(pair[i].answer)), http2)
	}
	return pair
}

func (s *entranceServer) answer(w http.ResponseWriter, req *http.Request) {
	s.mu.Lock()
	h, turn := hear(w, req, s.sent), req.Header.Get(turnHeader)
	s.mu.Unlock()
	count := func(n *int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		// One that was so late that its client has gone on is of another turn.
		if turn == strconv.Itoa(s.turn) {
			*n++
			s.found = h
		}
	}
	count(&s.begun)
	behaviours[req.Header.Get("X-Does")](w, req.WithContext(context.WithValue(req.Context(), inTimeKey{}, func() { count(&s.inTime) })))
}

// ask returns what the client got and what the handler found. Where the handler is to be late, it asks until that was
// only after all that comes before.
func (s *entranceServer) ask(t *testing.T, tc *entranceCase) (told, heard) {
	t.Helper()
	for range 100 {
		s.mu.Lock()
		s.turn, s.sent, s.found, s.begun, s.inTime = s.turn+1, time.Now(), heard{}, 0, 0
		tc.header.Set(turnHeader, strconv.Itoa(s.turn))
		s.mu.Unlock()
		got := tc.send(t, s.Server)
		s.mu.Lock()
		found, inTime := s.found, s.begun > 0 && s.begun == s.inTime
		s.mu.Unlock()
		if inTime || !tc.late() {
			found.AuditID = anyID.ReplaceAllString(found.AuditID, "ID")
			return got, found
		}
	}
	t.Fatalf("%s: its handler always came too late to be late", tc.name)
	return told{}, heard{}
}

func chainServer(t *testing.T, h http.Handler, http2 bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = http2
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// A client that does not read does not hold a handler beyond the request's time.
func TestPromptEndsWriteThatNobodyReads(t *testing.T) {
	t.Parallel()
	c := plainChain(t)
	c.limits.RequestTimeout = 2 * time.Second // the answer has to begin within it
	c.prompt = func(*http.Request) bool { return true }
	ended := make(chan error, 1)
	s := chainServer(t, c.handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		for {
			if _, err := w.Write(chunk); err != nil {
				ended <- err
				return
			}
		}
	})), true)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/pods", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the handler ended without an error")
		}
	case <-time.After(time.Minute):
		t.Fatal("the handler still writes")
	}
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("the client read an answer of %d bytes to its end", n)
	}
}

// Long-running requests end when kagg stops, the others may finish.
func TestEntranceStopsLongRunningRequests(t *testing.T) {
	t.Parallel()
	stopping, stop := context.WithCancel(t.Context())
	c := plainChain(t)
	c.stopping = stopping
	started := make(chan struct{})
	h := c.handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		close(started)
		<-req.Context().Done()
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/pods?watch=1", http.NoBody))
	}()
	<-started
	stop()
	<-done
}

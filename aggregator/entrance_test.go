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
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/audit"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/warning"
)

// timeoutInTests is the chain's, and long enough, as a quarter of it is, for what is to end in time on a busy machine.
const timeoutInTests = 600 * time.Millisecond

// entranceCase is one request, and how its handler behaves.
type entranceCase struct {
	name, method, uri string
	header            http.Header
	body              string
	// does is a name of behaviours.
	does string
}

func entranceCases() []entranceCase {
	const things = "/apis/example.com/v1/namespaces/n/things"
	var cases []entranceCase
	add := func(method, uri, does string, header http.Header) {
		cases = append(cases, entranceCase{name: fmt.Sprintf("%s %s %s %v", method, uri, does, header), method: method, uri: uri, does: does, header: header})
	}
	for does := range behaviours {
		add("GET", things+"/a", does, nil)
		add("GET", "/api/v1/pods", does, nil)
		add("GET", things+"/a?timeout=150ms", does, nil)
	}
	for _, timeout := range []string{"timeout=1h", "timeout=0s", "timeout=-1s", "timeout=x", "timeout=5", "timeout=", "%74imeout=x", "timeout=150ms&timeout=x", "timeout=%zz", "a=timeout", "timeout=9999999h", "timeoutSeconds=1", "timeout=1s;a=b"} {
		add("GET", things+"?"+timeout, "answer", nil)
		add("GET", things+"?watch=1&"+timeout, "answer", nil)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND"} {
		add(method, things+"/a", "answer", nil)
		add(method, things, "warn", nil)
	}
	for _, uri := range []string{
		"/", "/apis", "/apis/", "/apis/example.com", "/apis/example.com/v1", "/healthz", "/version?timeout=x", "/api/v1/watch/pods", "/api/v1/watch", "/apis/example.com/v1/proxy/x",
		things + "/a/exec", things + "/a/log?follow=1", things + "/a/status", things + "?fieldSelector=metadata.name=x&watch=true", things + "//b", "/api/v1/namespaces/n/services/s/proxy/x",
		things + "?labelSelector=a%3Db&limit=5", things + "?watch=notabool", things + "?pretty=true&timeout=32s",
	} {
		add("GET", uri, "answer", nil)
	}
	add("GET", things, "answer", http.Header{"Audit-Id": {"given"}})
	add("GET", things, "answer", http.Header{"Audit-Id": {""}})
	add("GET", things, "answer", http.Header{"Audit-Id": {strings.Repeat("long", 40)}})
	add("GET", things, "answer", http.Header{"Authorization": {"Bearer t"}, "X-Remote-User": {"root"}})
	cases = append(cases, entranceCase{name: "with a body", method: "POST", uri: things, body: `{"a":1}`, does: "echo"})
	return cases
}

// behaviours are handlers behind the chain.
var behaviours = map[string]func(w http.ResponseWriter, req *http.Request){
	"answer": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Own", "1")
		w.Header().Add("Cache-Control", "public")
		w.Header().Add("Audit-Id", "the backend's")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Late", "1")
		_, _ = io.WriteString(w, "body")
	},
	"nothing": func(http.ResponseWriter, *http.Request) {},
	"echo":    func(w http.ResponseWriter, req *http.Request) { _, _ = io.Copy(w, req.Body) },
	"warn": func(w http.ResponseWriter, req *http.Request) {
		for i := range 3 {
			warning.AddWarning(req.Context(), "agent", fmt.Sprintf("careful %d", i%2))
		}
		warning.AddWarning(req.Context(), "", strings.Repeat("é\"\n", 300))
		_, _ = io.WriteString(w, "warned")
	},
	"panic":         func(http.ResponseWriter, *http.Request) { panic("of a test") },
	"panic, headed": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Own", "1"); panic("of a test") },
	"panic in the answer": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("of a test")
	},
	"break off": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	},
	"flush": func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		w.Header().Set("X-Late", "1")
		_, _ = io.WriteString(w, "flushed")
	},
	"early hints": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "x")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("X-Own", "1")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "late")
	},
	"trailers": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-A")
		_, _ = io.WriteString(w, "body")
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("X-A", "a")
		w.Header().Set(http.TrailerPrefix+"X-B", "b")
	},
	"too late": func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Own", "1")
		untilAnswered(w, req)
		http.Error(w, fmt.Sprint(req.Context().Err()), http.StatusBadGateway)
	},
	"too late, and panics": func(w http.ResponseWriter, req *http.Request) {
		untilAnswered(w, req)
		panic(http.ErrAbortHandler)
	},
	"too late within the answer": func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		untilAnswered(w, req)
		_, err := io.WriteString(w, "rest")
		if err == nil {
			panic("it wrote after its time")
		}
	},
	"too late, headers only": func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusOK)
		untilAnswered(w, req)
	},
}

// untilAnswered waits until the request's time is over and who watches it has answered, as it has when a handler hears
// of it by way of a backend: what the handler then puts into its headers goes nowhere.
func untilAnswered(w http.ResponseWriter, req *http.Request) {
	<-req.Context().Done()
	const mark = "X-Not-Answered"
	for w.Header().Set(mark, "1"); w.Header().Get(mark) != ""; {
		runtime.Gosched()
	}
}

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

func hear(w http.ResponseWriter, req *http.Request) heard {
	ctx := req.Context()
	var h heard
	h.Info, _ = apirequest.RequestInfoFrom(ctx)
	h.AuditID = audit.GetAuditIDTruncated(ctx)
	received, ok := apirequest.ReceivedTimestampFrom(ctx)
	h.Received = ok && time.Since(received) < time.Minute && !received.After(time.Now())
	if at, ok := ctx.Deadline(); ok {
		h.Deadline, h.Left = true, at.Sub(received).Round(timeoutInTests/4)
	}
	if u, ok := apirequest.UserFrom(ctx); ok {
		h.User = u.GetName()
	}
	h.Header = req.Header
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
	heards := make(chan heard, 10) // a client may try again when its connection breaks off
	answer := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h := hear(w, req)
		does := behaviours[req.Header.Get("X-Does")]
		h.Header = h.Header.Clone()
		heards <- h
		does(w, req)
	})
	c := plainChain(t)
	c.limits.RequestTimeout = timeoutInTests
	c.prompt = func(*http.Request) bool { return prompt }
	stock := c
	stock.limits.GoawayChance = 1e-300 // asks for a filter that does nothing
	if len(stock.filters()) <= len(c.filters()) {
		t.Fatal("the stock chain is no longer than the one with the entrance")
	}
	servers := [2]*httptest.Server{chainServer(t, stock.handler(answer), http2), chainServer(t, c.handler(answer), http2)}
	for _, tc := range entranceCases() {
		tc.header = tc.header.Clone()
		if tc.header == nil {
			tc.header = http.Header{}
		}
		tc.header.Set("X-Does", tc.does)
		var gots [2]told
		var found [2]heard
		for i, s := range servers {
			gots[i] = tc.send(t, s)
			for len(heards) > 0 { // none where the request was refused
				found[i] = <-heards
			}
			found[i].AuditID = anyID.ReplaceAllString(found[i].AuditID, "ID")
		}
		if d := cmp.Diff(found[0], found[1]); d != "" {
			t.Errorf("%s: what the handler found (-filters +entrance):\n%s", tc.name, d)
		}
		if d := cmp.Diff(gots[0], gots[1]); d != "" {
			t.Errorf("%s: what the client got (-filters +entrance):\n%s", tc.name, d)
		}
	}
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
	c.limits.RequestTimeout = timeoutInTests
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
	case <-time.After(20 * timeoutInTests):
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

package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeadersSeenByBackend(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		seen := make(chan *http.Request, 1)
		host := tr.backend(t, http2, func(_ http.ResponseWriter, req *http.Request) { seen <- req })
		f := front(t, Options{StripHeaders: []string{"X-Custom_User"}, StripPrefixes: []string{"X-Custom-Extra-"}}, tr.target(t, host))

		req := request(t, http.MethodGet, f.URL+"/apis/example.com/v1/things?b=2&a=1&b=1", nil)
		req.Header = http.Header{
			"Accept":                        {"application/json"},
			"User-Agent":                    {"test/1"},
			"Accept-Encoding":               {"identity"},
			"Authorization":                 {"Bearer secret"},
			"Proxy-Authorization":           {"Basic secret"},
			"X-Remote-User":                 {"root"},
			"X-Remote-Group":                {"system:masters"},
			"X-Remote-Uid":                  {"0"},
			"X-Remote-Extra-Scope":          {"all"},
			"X_Remote_User":                 {"root"},
			"x-remote_group":                {"system:masters"},
			"X-Remote_extra-Scope":          {"all"},
			"X-Remote-Whatever":             {"spoof"},
			"X-Custom-User":                 {"root"},
			"x_custom_user":                 {"root"},
			"X-Custom-Extra-Scope":          {"all"},
			"X-Custom-Kept":                 {"kept"},
			"Audit-Id":                      {"spoofed"},
			"Forwarded":                     {"for=1.2.3.4"},
			"X-Forwarded-For":               {"1.2.3.4"},
			"X-Forwarded-Host":              {"spoofed"},
			"X-Forwarded-Uri":               {"spoofed"},
			"X-Remote-Extra-Authentication": {"spoofed"},
		}
		if got := do(t, f.Client(), req); got.code != http.StatusOK {
			t.Fatalf("got %d %s", got.code, got.body)
		}
		got := <-seen
		want := http.Header{
			"Accept":            {"application/json"},
			"User-Agent":        {"test/1"},
			"Accept-Encoding":   {"identity"},
			"X-Custom-Kept":     {"kept"},
			"X-Remote-User":     {"jane"},
			"X-Remote-Uid":      {"uid-1"},
			"X-Remote-Group":    {"devs", "system:authenticated"},
			"Forwarded":         {"for=1.2.3.4"},
			"X-Forwarded-For":   {"1.2.3.4, 127.0.0.1"},
			"X-Forwarded-Host":  {host},
			"X-Forwarded-Proto": {"https"},
			"X-Forwarded-Uri":   {"/apis/example.com/v1/things"},
			"Audit-Id":          {testAuditID},
			"X-Remote-Extra-Authentication.kubernetes.io%2fcredential-Id": {"X509SHA256=ab"},
		}
		if diff := cmp.Diff(want, got.Header); diff != "" {
			t.Errorf("headers (-want +got):\n%s", diff)
		}
		if got.RequestURI != "/apis/example.com/v1/things?a=1&b=2&b=1" {
			t.Errorf("request URI %q", got.RequestURI)
		}
		if got.Host != host {
			t.Errorf("Host %q, want %q", got.Host, host)
		}
		if wantMajor := map[bool]int{false: 1, true: 2}[http2]; got.ProtoMajor != wantMajor {
			t.Errorf("backend was spoken to in HTTP/%d", got.ProtoMajor)
		}
		if cn := got.TLS.PeerCertificates[0].Subject.CommonName; cn != "front-proxy-client" {
			t.Errorf("client certificate of %q", cn)
		}
	})
}

// A header listed under Connection is hop-by-hop and removed: the identity must not go that way.
func TestConnectionHeaderCannotRemoveIdentity(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	seen := make(chan http.Header, 1)
	host := tr.backend(t, false, func(_ http.ResponseWriter, req *http.Request) { seen <- req.Header })
	f := httpFront(t, Options{}, tr.target(t, host))
	req := request(t, http.MethodGet, f.URL+"/apis/example.com/v1/things", nil)
	req.Header.Set("Connection", "X-Remote-User, X-Remote-Group, X-Forwarded-For, Keep-Alive")
	req.Header.Set("X-Forwarded-For", "1.2.3.4")
	do(t, f.Client(), req)
	got := <-seen
	if got.Get("X-Remote-User") != "jane" || len(got.Values("X-Remote-Group")) != 2 {
		t.Errorf("identity lost: %v", got)
	}
	if got.Get("X-Forwarded-For") != "127.0.0.1" {
		t.Errorf("X-Forwarded-For %q", got.Get("X-Forwarded-For"))
	}
}

// httpFront is front without TLS: HTTP/1.1, and connections that can be taken over.
func httpFront(t testing.TB, o Options, target Target) *httptest.Server {
	t.Helper()
	h := New(o)
	s := httptest.NewServer(authenticated(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.Serve(w, req, &target) }), testUser))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// The headers of a watch arrive before its first event, and each event as it happens.
func TestWatchIsFlushedAtOnce(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		events, gone := make(chan string), make(chan struct{})
		host := tr.backend(t, http2, func(w http.ResponseWriter, req *http.Request) {
			defer close(gone)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusOK)
			flush(w)
			for {
				select {
				case e := <-events:
					_, _ = io.WriteString(w, e)
					flush(w)
				case <-req.Context().Done():
					return
				}
			}
		})
		failed := newFailures()
		f := front(t, Options{OnBackendFailure: failed.note}, tr.target(t, host))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		resp, err := f.Client().Do(requestIn(ctx, t, http.MethodGet, f.URL+"/apis/example.com/v1/things?watch=1", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		for _, e := range []string{"one\n", "two\n"} {
			events <- e
			buf := make([]byte, len(e))
			if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != e {
				t.Fatalf("read %q, %v; want %q", buf, err, e)
			}
		}
		cancel()
		<-gone // the backend learns that its client went away
		if n := failed.count(); n != 0 {
			t.Errorf("a client that goes away counted as %d failures of the backend", n)
		}
	})
}

func flush(w http.ResponseWriter) {
	if err := http.NewResponseController(w).Flush(); err != nil {
		panic(err)
	}
}

// A slow answer of known length is not held back until it is whole.
func TestSlowAnswerOfKnownLength(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	goOn := make(chan struct{})
	host := tr.backend(t, false, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "8")
		_, _ = io.WriteString(w, "half")
		flush(w)
		<-goOn
		_, _ = io.WriteString(w, "done")
	})
	f := front(t, Options{}, tr.target(t, host))
	resp, err := f.Client().Do(request(t, http.MethodGet, f.URL+"/apis/example.com/v1/things", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	buf := make([]byte, 4)
	if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "half" {
		t.Fatalf("read %q, %v", buf, err)
	}
	close(goOn)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || string(rest) != "done" || resp.ContentLength != 8 {
		t.Errorf("rest %q, %v, Content-Length %d", rest, err, resp.ContentLength)
	}
}

// The backend sees the first bytes of a body before the client has sent the last.
func TestRequestBodyIsStreamed(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		first := make(chan string, 1)
		host := tr.backend(t, http2, func(w http.ResponseWriter, req *http.Request) {
			buf := make([]byte, 5)
			_, _ = io.ReadFull(req.Body, buf)
			first <- string(buf)
			n, err := io.Copy(io.Discard, req.Body)
			_, _ = fmt.Fprintf(w, "%d %v", n, err)
		})
		f := front(t, Options{}, tr.target(t, host))
		body, sender := io.Pipe()
		done := make(chan answer, 1)
		go func() {
			done <- do(t, f.Client(), request(t, http.MethodPost, f.URL+"/apis/example.com/v1/things", body))
		}()
		if _, err := io.WriteString(sender, "first"); err != nil {
			t.Fatal(err)
		}
		if got := <-first; got != "first" {
			t.Fatalf("backend read %q", got)
		}
		rest := strings.Repeat("x", 3<<20)
		if _, err := io.WriteString(sender, rest); err != nil {
			t.Fatal(err)
		}
		if err := sender.Close(); err != nil {
			t.Fatal(err)
		}
		if got, want := (<-done).body, fmt.Sprintf("%d <nil>", len(rest)); got != want {
			t.Errorf("backend read %q, want %q", got, want)
		}
	})
}

func TestAnswersPassThrough(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		host := tr.backend(t, http2, func(w http.ResponseWriter, req *http.Request) {
			switch req.URL.Query().Get("case") {
			case "304":
				w.Header().Set("Etag", `"1"`)
				w.WriteHeader(http.StatusNotModified)
			case "trailers":
				w.Header().Set("Trailer", "X-Announced")
				_, _ = io.WriteString(w, "body")
				flush(w)
				w.Header().Set("X-Announced", "a")
				w.Header().Set(http.TrailerPrefix+"X-Unannounced", "u")
			case "early":
				w.Header().Set("Link", "</style>; rel=preload")
				w.WriteHeader(http.StatusEarlyHints)
				w.WriteHeader(http.StatusNoContent)
			case "cors":
				w.Header().Set("Access-Control-Allow-Origin", "*")
				w.Header().Set("X-Kept", "1")
			case "status":
				w.WriteHeader(http.StatusTeapot)
				_, _ = io.WriteString(w, "short and stout")
			}
		})
		f := front(t, Options{}, tr.target(t, host))
		const path = "/apis/example.com/v1/things?case="

		if got := get(t, f, path+"304"); got.code != http.StatusNotModified || got.header.Get("Etag") != `"1"` {
			t.Errorf("304: %+v", got)
		}
		if got := get(t, f, path+"status"); got.code != http.StatusTeapot || got.body != "short and stout" {
			t.Errorf("status: %+v", got)
		}
		if got := get(t, f, path+"cors"); got.header.Get("Access-Control-Allow-Origin") != "" || got.header.Get("X-Kept") != "1" {
			t.Errorf("CORS headers: %v", got.header)
		}
		resp, err := f.Client().Do(request(t, http.MethodGet, f.URL+path+"trailers", nil))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if diff := cmp.Diff(http.Header{"X-Announced": {"a"}, "X-Unannounced": {"u"}}, resp.Trailer); diff != "" {
			t.Errorf("trailers (-want +got):\n%s", diff)
		}

		var informed []string
		trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			informed = append(informed, fmt.Sprint(code, " ", h.Get("Link")))
			return nil
		}}
		ctx := httptrace.WithClientTrace(t.Context(), trace)
		got := do(t, f.Client(), requestIn(ctx, t, http.MethodGet, f.URL+path+"early", nil))
		if diff := cmp.Diff([]string{"103 </style>; rel=preload"}, informed); diff != "" || got.code != http.StatusNoContent {
			t.Errorf("code %d, 1xx (-want +got):\n%s", got.code, diff)
		}
	})
}

func TestExpectContinue(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	host := tr.backend(t, false, func(w http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		_, _ = fmt.Fprintf(w, "%s %v", b, err)
	})
	f := httpFront(t, Options{}, tr.target(t, host))
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: testDeadline}}
	req := request(t, http.MethodPost, f.URL+"/apis/example.com/v1/things", strings.NewReader("body"))
	req.Header.Set("Expect", "100-continue")
	if got := do(t, client, req); got.body != "body <nil>" {
		t.Errorf("backend read %q", got.body)
	}
}

// A backend that breaks off within its answer breaks off the client's too: a cut list must not look whole.
func TestBackendBreaksOffWithinAnswer(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		host := tr.backend(t, http2, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half of ")
			flush(w)
			panic(http.ErrAbortHandler)
		})
		failed := newFailures()
		f := front(t, Options{OnBackendFailure: failed.note}, tr.target(t, host))
		resp, err := f.Client().Do(request(t, http.MethodGet, f.URL+"/apis/example.com/v1/things", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if b, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("read %q to its end", b)
		}
		if err := <-failed.ch; err == nil {
			t.Error("no failure was reported")
		}
	})
}

// A client that breaks off its own body is not the backend's failure.
func TestClientBreaksOffBody(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	started, done := make(chan struct{}), make(chan struct{})
	host := tr.backend(t, false, func(_ http.ResponseWriter, req *http.Request) {
		defer close(done)
		close(started)
		_, _ = io.Copy(io.Discard, req.Body)
	})
	failed := newFailures()
	served := make(chan struct{})
	h := New(Options{OnBackendFailure: failed.note})
	target := tr.target(t, host)
	f := frontOf(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer close(served)
		h.Serve(w, req, &target)
	}), testUser)
	body, sender := io.Pipe()
	go func() {
		<-started
		_ = sender.CloseWithError(errors.New("the client gives up"))
	}()
	resp, err := f.Client().Do(request(t, http.MethodPost, f.URL+"/apis/example.com/v1/things", body))
	if err == nil {
		_ = resp.Body.Close()
	}
	<-done
	<-served
	if n := failed.count(); n != 0 {
		t.Errorf("reported %d failures of the backend", n)
	}
}

package inprocess_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/internal/inprocess"
)

func do(t *testing.T, ctx context.Context, h http.HandlerFunc, method, url, body string) (*http.Response, error) { //nolint:revive // t first
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return inprocess.RoundTripper(h).RoundTrip(req)
}

func TestRoundTripAnswers(t *testing.T) {
	t.Parallel()
	type answer struct {
		Status int
		Length int64
		Body   string
		Header string
	}
	tests := []struct {
		name    string
		method  string
		handler http.HandlerFunc
		want    answer
	}{
		{"echo", http.MethodPost, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			w.Header().Set("X", r.RequestURI+" "+r.Host)
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(b)
		}, answer{201, 4, "body", "/a%2Fb?q=1 host"}},
		{"nothing", http.MethodGet, func(http.ResponseWriter, *http.Request) {}, answer{200, 0, "", ""}},
		{"late header", http.MethodGet, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK)
			w.Header().Set("X", "late")
		}, answer{418, 0, "", ""}},
		{"head", http.MethodHead, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }, answer{200, -1, "", ""}},
		{"not modified", http.MethodGet, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotModified)
			if _, err := io.WriteString(w, "x"); !errors.Is(err, http.ErrBodyNotAllowed) {
				panic(err)
			}
		}, answer{304, -1, "", ""}},
		{"large", http.MethodGet, func(w http.ResponseWriter, _ *http.Request) {
			for range 100 {
				_, _ = io.WriteString(w, strings.Repeat("x", 100))
			}
		}, answer{200, -1, strings.Repeat("x", 10000), ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			resp, err := do(t, t.Context(), tt.handler, tt.method, "http://host/a%2Fb?q=1", "body")
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Fatal(err)
			}
			got := answer{resp.StatusCode, resp.ContentLength, string(b), resp.Header.Get("X")}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestStreamAndBodyCloseEndsHandler(t *testing.T) {
	t.Parallel()
	next, ended := make(chan string), make(chan error, 1)
	resp, err := do(t, t.Context(), func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.Flush()
		for {
			select {
			case line := <-next:
				_, _ = fmt.Fprintln(w, line)
				_ = rc.Flush()
			case <-r.Context().Done():
				_, err := io.WriteString(w, strings.Repeat("x", 1<<16))
				ended <- err
				return
			}
		}
	}, http.MethodGet, "http://host/", "")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(resp.Body)
	for _, want := range []string{"one", "two"} {
		next <- want
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q, want %q: %v", lines.Text(), want, lines.Err())
		}
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("writing after the client closed the body succeeded")
	}
}

func TestCancelReachesHandlerAndReader(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	resp, err := do(t, ctx, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(ended)
	}, http.MethodGet, "http://host/", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	cancel()
	<-ended
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestCancelBeforeHeaders(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := do(t, ctx, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
		<-t.Context().Done()
	}, http.MethodGet, "http://host/", "")
	if resp != nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestPanics(t *testing.T) {
	t.Parallel()
	resp, err := do(t, t.Context(), func(http.ResponseWriter, *http.Request) { panic("early") }, http.MethodGet, "http://host/p", "")
	if resp != nil {
		_ = resp.Body.Close()
	}
	if want := "in-process handler panicked on GET /p: early"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	resp, err = do(t, t.Context(), func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "x")
		w.(http.Flusher).Flush()
		panic("late")
	}, http.MethodGet, "http://host/p", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if want := "in-process handler panicked on GET /p: late"; string(b) != "x" || err == nil || err.Error() != want {
		t.Errorf("got %q and %v, want %s", b, err, want)
	}
}

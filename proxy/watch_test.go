package proxy

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

const watchPath = thingsPath + "?watch=1"

// Events of all sizes come through whole, and each before the next is sent, so that none is held back; the end of the
// watch is the end of the answer.
func TestWatchOfEventsOfAllSizes(t *testing.T) {
	t.Parallel()
	sizes := []int{1, 300, smallBuffer - 1, smallBuffer, smallBuffer + 1, 40_000, copyBufferSize, copyBufferSize + 1, 200_000}
	sizes = append(sizes, slices.Repeat([]int{100}, calm+1)...)
	sizes = append(sizes, 70_000, 5)
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		seen := make(chan struct{})
		host := tr.backend(t, http2, func(w http.ResponseWriter, _ *http.Request) {
			flush(w)
			for i, n := range sizes {
				_, _ = w.Write(bytes.Repeat([]byte{byte('a' + i%26)}, n))
				flush(w)
				<-seen
			}
		})
		failed := newFailures()
		f := front(t, Options{OnBackendFailure: failed.note}, tr.target(t, host))
		resp, err := f.Client().Do(request(t, http.MethodGet, f.URL+watchPath, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		for i, n := range sizes {
			event := make([]byte, n)
			if _, err := io.ReadFull(resp.Body, event); err != nil {
				t.Fatalf("event %d of %d bytes: %v", i, n, err)
			}
			if got := bytes.Count(event, []byte{byte('a' + i%26)}); got != n {
				t.Fatalf("of event %d, %d of %d bytes came", i, got, n)
			}
			seen <- struct{}{}
		}
		if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
			t.Errorf("after the last event: %q, %v", rest, err)
		}
		if n := failed.count(); n != 0 {
			t.Errorf("a watch that ended counted as %d failures of the backend", n)
		}
	})
}

// The headers come before the first event, and trailers after the last, announced or not, as for other answers.
func TestWatchHeadersAndTrailers(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		answered := make(chan struct{})
		host := tr.backend(t, http2, func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Query().Get("announced") != "" {
				w.Header().Set("Trailer", "Late")
			}
			w.Header().Set("Early", "1")
			flush(w)
			<-answered
			_, _ = io.WriteString(w, "event")
			flush(w)
			name := http.TrailerPrefix + "Late"
			if req.URL.Query().Get("announced") != "" {
				name = "Late"
			}
			w.Header().Set(name, "2")
		})
		f := front(t, Options{}, tr.target(t, host))
		for _, path := range []string{watchPath, watchPath + "&announced=1", thingsPath, thingsPath + "?announced=1"} {
			resp, err := f.Client().Do(request(t, http.MethodGet, f.URL+path, nil))
			if err != nil {
				t.Fatal(err)
			}
			answered <- struct{}{}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.Header.Get("Early") != "1" || string(body) != "event" || err != nil || resp.Trailer.Get("Late") != "2" {
				t.Errorf("%s: %v %q %v %v", path, resp.Header, body, err, resp.Trailer)
			}
		}
	})
}

// A backend that breaks off within a watch is told of, and the client's answer breaks off too.
func TestBackendBreaksOffWatch(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		host := tr.backend(t, http2, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "event")
			flush(w)
			panic(http.ErrAbortHandler)
		})
		failed := newFailures()
		f := front(t, Options{OnBackendFailure: failed.note}, tr.target(t, host))
		resp, err := f.Client().Do(request(t, http.MethodGet, f.URL+watchPath, nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if body, err := io.ReadAll(resp.Body); string(body) != "event" || err == nil {
			t.Errorf("got %q, %v", body, err)
		}
		select {
		case err := <-failed.ch:
			if err == nil {
				t.Error("the failure was told of without its error")
			}
		case <-time.After(10 * time.Second):
			t.Error("nobody was told")
		}
	})
}

// writes counts how often it is written to.
type writes struct {
	*httptest.ResponseRecorder
	n int
}

func (w *writes) Write(p []byte) (int, error) {
	w.n++
	return w.ResponseRecorder.Write(p)
}

// What a watch begins with goes on in large pieces.
func TestMuchGoesOnInFewPieces(t *testing.T) {
	t.Parallel()
	objects := bytes.Repeat([]byte("x"), 10*copyBufferSize)
	x := &exchange{h: New(Options{}), answer: &http.Response{}, events: io.NopCloser(bytes.NewReader(objects))}
	w := &writes{ResponseRecorder: httptest.NewRecorder()}
	x.watch(w)
	if !bytes.Equal(w.Body.Bytes(), objects) || w.n > 11 {
		t.Errorf("%d of %d bytes in %d pieces", w.Body.Len(), len(objects), w.n)
	}
}

// The large buffer is lent while pieces are large, and given back after a row of small ones.
func TestBufferOfPieces(t *testing.T) {
	t.Parallel()
	h := New(Options{})
	p := pieces{large: &h.buffers}
	var got strings.Builder
	for _, n := range slices.Concat([]int{10, smallBuffer}, slices.Repeat([]int{10}, calm-1), []int{smallBuffer + 1}, slices.Repeat([]int{10}, calm), []int{10}) {
		switch len(p.buffer()) {
		case smallBuffer:
			got.WriteByte('s')
		case copyBufferSize:
			got.WriteByte('L')
		}
		p.came(n)
	}
	// One small, one that fills it; a row that is too short, and a large one; a row that is long enough; and one more.
	if want := "ss" + strings.Repeat("L", calm-1) + "L" + strings.Repeat("L", calm) + "s"; got.String() != want {
		t.Errorf("got  %s\nwant %s", got.String(), want)
	}
	p.came(smallBuffer)
	p.release()
	p.release()
	if len(p.buffer()) != smallBuffer {
		t.Error("the large buffer is still lent")
	}
}

package availability_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/availability"
)

func backend(t *testing.T, h http.HandlerFunc) (http.RoundTripper, string) {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	return s.Client().Transport, s.Listener.Addr().String()
}

func TestProbeStatus(t *testing.T) {
	t.Parallel()
	for status, passes := range map[int]bool{
		http.StatusOK: true, http.StatusNoContent: true, http.StatusFound: false, http.StatusForbidden: false,
		http.StatusNotFound: false, http.StatusServiceUnavailable: false,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			rt, host := backend(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
			})
			got := availability.Probe(t.Context(), rt, []string{host}, "/apis/g/v1", 1)
			want := availability.ProbeResult{Done: true}
			if !passes {
				target := "https://" + host + "/apis/g/v1"
				want.Failure = "failing or missing response from " + target + ": bad status from " + target + ": " + strconv.Itoa(status)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProbeIdentityAndAttempts(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	headers := make(chan http.Header, 8)
	rt, host := backend(t, func(w http.ResponseWriter, req *http.Request) {
		headers <- req.Header.Clone()
		if asked.Add(1) < 5 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	if got := availability.Probe(t.Context(), rt, []string{host}, "/api/v1", 5); got.Failure != "" || !got.Done {
		t.Errorf("one success of five should pass, got %+v", got)
	}
	h := <-headers
	if diff := cmp.Diff([]string{"system:kube-aggregator"}, h.Values("X-Remote-User")); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"system:masters"}, h.Values("X-Remote-Group")); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

func TestProbeSecondHostAnswers(t *testing.T) {
	t.Parallel()
	rt, host := backend(t, func(http.ResponseWriter, *http.Request) {})
	if got := availability.Probe(t.Context(), rt, []string{"127.0.0.1:1", host}, "/apis/g/v1", 1); got.Failure != "" {
		t.Errorf("a host that answers suffices, got %+v", got)
	}
	if got := availability.Probe(t.Context(), rt, []string{"127.0.0.1:1"}, "/apis/g/v1", 1); !strings.Contains(got.Failure, "refused") {
		t.Errorf("want the dial error, got %+v", got)
	}
	if got := availability.Probe(t.Context(), rt, nil, "/apis/g/v1", 1); got.Failure == "" {
		t.Error("nothing to probe must not pass")
	}
}

func TestProbeCancelledIsPending(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	arrived := make(chan struct{})
	rt, host := backend(t, func(_ http.ResponseWriter, req *http.Request) {
		close(arrived)
		<-req.Context().Done()
	})
	go func() {
		<-arrived
		cancel()
	}()
	if got := availability.Probe(ctx, rt, []string{host}, "/apis/g/v1", 1); got.Done {
		t.Errorf("a cancelled probe says nothing of the backend, got %+v", got)
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	if got := availability.Path("", "v1"); got != "/api/v1" {
		t.Error(got)
	}
	if got := availability.Path("a.b", "v1beta1"); got != "/apis/a.b/v1beta1" {
		t.Error(got)
	}
}

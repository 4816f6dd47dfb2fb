package gather_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/check/gather"
)

// A process that is stopped accepts connections, and says nothing.
func TestHungBackend(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	target := gather.Target{Key: "a/b:443", Label: "a/b:443", Hosts: []string{listener.Addr().String()}, ServerName: "b.a.svc"}
	seen, err := gather.Gather(t.Context(), []gather.Target{target}, gather.Options{Timeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	host := seen.Backends["a/b:443"].Hosts[0]
	if !strings.Contains(host.Failure, "does not finish the TLS handshake within 2s") || !strings.Contains(host.Hint, "debugger") {
		t.Errorf("it says %q, %q", host.Failure, host.Hint)
	}
}

// A caBundle that leaves kagg's own CA out is best removed where that signed the certificate.
func TestKaggCA(t *testing.T) {
	t.Parallel()
	s, template, _ := serve(t)
	for name, c := range map[string]struct {
		bundle, roots []byte
		own           bool
		mend          string
	}{
		"kagg's own":     {s.FrontProxyCert, s.CABundle, true, "Remove spec.caBundle"},
		"somebody else":  {s.FrontProxyCert, s.FrontProxyCert, false, "Put the CA"},
		"not to be said": {s.CABundle, s.CABundle, false, ""},
	} {
		one := template
		one.CABundle, one.ExtraRoots = c.bundle, c.roots
		seen, err := gather.Gather(t.Context(), []gather.Target{one}, gather.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := seen.Backends[one.Key].Hosts[0].Certificate; got.KaggCA != c.own {
			t.Errorf("%s: %+v", name, got)
		}
		checks, err := check.Select([]string{"KAGG024"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		found := check.Run(check.Facts{Live: seen.Backends, Now: time.Now()}, checks)
		if len(found) > 1 || (len(found) == 1) != (c.mend != "") || len(found) == 1 && !strings.HasPrefix(found[0].Mend, c.mend) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

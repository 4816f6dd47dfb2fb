package launch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGivenPort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		command []string
		port    int
		fails   bool
	}{
		{[]string{"x"}, 0, false},
		{[]string{"x", "--secure-port=8443"}, 8443, false},
		{[]string{"x", "--secure-port", "8443", "-v"}, 8443, false},
		{[]string{"x", "-secure-port=8443"}, 8443, false},
		{[]string{"x", "--secure-port=8443", "--secure-port", "9443"}, 9443, false},
		{[]string{"--secure-port=8443"}, 0, false},
		{[]string{"x", "--secure-port=0"}, 0, true},
		{[]string{"x", "--secure-port"}, 0, true},
		{[]string{"x", "--secure-port=70000"}, 0, true},
		{[]string{"x", "--secure-portal=1"}, 0, false},
	} {
		port, err := givenPort(c.command)
		if port != c.port || (err != nil) != c.fails {
			t.Errorf("%q: got %d, %v", c.command, port, err)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	wanted := []flagValue{{flagSecurePort, "1"}, {flagCertFile, "c"}, {flagKeyFile, "k"}, {flagKubeconfig, "f"}}
	for _, c := range []struct {
		command []string
		want    []string
	}{
		{[]string{"x"}, []string{"--secure-port=1", "--tls-cert-file=c", "--tls-private-key-file=k", "--kubeconfig=f"}},
		{[]string{"x", "--tls-cert-file=own"}, []string{"--secure-port=1", "--kubeconfig=f"}},
		{[]string{"x", "--cert-dir", "own"}, []string{"--secure-port=1", "--kubeconfig=f"}},
		{[]string{"x", "--secure-port=2", "-kubeconfig", "own"}, []string{"--tls-cert-file=c", "--tls-private-key-file=k"}},
		{[]string{"x", "--authentication-kubeconfig=f"}, []string{"--secure-port=1", "--tls-cert-file=c", "--tls-private-key-file=k", "--kubeconfig=f"}},
	} {
		if d := cmp.Diff(c.want, arguments(missing(c.command, wanted))); d != "" {
			t.Errorf("%q: %s", c.command, d)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	flags := []flagValue{{flagSecurePort, "1"}, {flagKubeconfig, "f"}, {flagAuthenticationKubeconfig, "f"}}
	for printed, want := range map[string][]string{
		"Error: unknown flag: --kubeconfig\nUsage:\n  --secure-port int   the port\n":    {"kubeconfig"},
		"flag provided but not defined: -authentication-kubeconfig\nUsage of x:\n":       {"authentication-kubeconfig"},
		"x: error: unrecognized arguments: --secure-port=1 --kubeconfig=f":               {"secure-port", "kubeconfig"},
		"error: unexpected argument '--kubeconfig' found\n\ntip: to pass '--x' as a ...": {"kubeconfig"},
		"unknown flag: --other":                             nil,
		"invalid argument \"x\" for \"--secure-port\" flag": nil,
		"cannot load --kubeconfig f: no such file":          nil,
		"unknown authority: see x--kubeconfig":              nil,
	} {
		if d := cmp.Diff(want, refused(printed, flags)); d != "" {
			t.Errorf("%q: %s", printed, d)
		}
	}
}

package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// The environment names a proxy for everything, before anything in this process has asked for it.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		if err := os.Setenv(name, "http://127.0.0.1:1"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func roundTrip(t *testing.T, tr http.RoundTripper, host string) (string, error) {
	t.Helper()
	resp, err := tr.RoundTrip(request(t, http.MethodGet, "https://"+host+thingsPath, nil))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(resp.Body)
	return string(b), errors.Join(err, resp.Body.Close())
}

func TestEnvironmentProxyIsNotUsed(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	host := tr.backend(t, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	const far = "backend.example:6443" // net/http never uses a proxy for 127.0.0.1
	if u, err := http.ProxyFromEnvironment(request(t, http.MethodGet, "https://"+far, nil)); err != nil || u == nil {
		t.Fatalf("the environment names no proxy: %v, %v", u, err)
	}
	dialled := make(chan string, 1)
	transport := newTransport(t, tr.tls(), TransportOptions{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled <- address
		return (&net.Dialer{}).DialContext(ctx, network, host)
	}})
	if got, err := roundTrip(t, transport, far); err != nil || got != "ok" {
		t.Errorf("%q, %v", got, err)
	}
	if got := <-dialled; got != far {
		t.Errorf("dialled %s, want %s", got, far)
	}
}

func TestTrust(t *testing.T) {
	t.Parallel()
	tr, stranger := newTrust(t), newTrust(t)
	host := tr.backend(t, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	for _, tc := range []struct {
		name string
		edit func(*TLS)
		want string // of the error, "" for none
	}{
		{"bundle", func(*TLS) {}, ""},
		{"extra roots without a bundle", func(s *TLS) { s.CABundle, s.ExtraRoots = nil, tr.serving.pem }, ""},
		{"extra roots do not count beside a bundle", func(s *TLS) { s.CABundle, s.ExtraRoots = stranger.serving.pem, tr.serving.pem }, "unknown authority"},
		{"system roots alone", func(s *TLS) { s.CABundle = nil }, "unknown authority"},
		{"insecure", func(s *TLS) { s.CABundle, s.ServerName, s.InsecureSkipVerify = nil, "other", true }, ""},
		{"other name", func(s *TLS) { s.ServerName = "other" }, "not other"},
		{"client certificate of a stranger", func(s *TLS) { s.ClientCert, s.ClientKey = stranger.clientCert, stranger.clientKey }, "remote error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			settings := tr.tls()
			tc.edit(&settings)
			transport := newTransport(t, settings, TransportOptions{})
			got, err := roundTrip(t, transport, host)
			refused := tc.want == "remote error" && err != nil && hungUp(err)
			if tc.want == "" && (err != nil || got != "ok") || tc.want != "" && !refused && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("request: %q, %v; want error %q", got, err, tc.want)
			}
			// The connection of an upgrade trusts alike. TLS 1.3 tells a client that it is refused with the first read.
			conn, err := transport.DialTLS(t.Context(), host)
			if err == nil {
				_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				_, err = io.ReadAll(conn)
				_ = conn.Close()
			}
			refused = tc.want == "remote error" && err != nil && hungUp(err)
			if tc.want == "" && err != nil || tc.want != "" && !refused && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("upgrade: %v; want error %q", err, tc.want)
			}
		})
	}
}

func TestNewTransportErrors(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	for want, edit := range map[string]func(*TLS){
		"unable to load root certificates: unable to parse bytes as PEM block":      func(s *TLS) { s.CABundle = []byte("x") },
		"specifying a root certificates file with the insecure flag is not allowed": func(s *TLS) { s.InsecureSkipVerify = true },
		"tls: failed to find any PEM data in certificate input":                     func(s *TLS) { s.ClientCert = []byte("x") },
		"extra roots: no PEM block of a certificate in them; give the CA's certificate as PEM": func(s *TLS) {
			s.CABundle, s.ExtraRoots = nil, []byte("x")
		},
	} {
		settings := tr.tls()
		edit(&settings)
		if _, err := NewTransport(settings, TransportOptions{}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

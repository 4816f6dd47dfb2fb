package launch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/transport"
)

// pollInterval is how long a child that is not ready is left alone.
const pollInterval = 50 * time.Millisecond

// requestTimeout bounds one request to the child.
const requestTimeout = 10 * time.Second

// readiness is what the child showed when it was ready.
type readiness struct {
	client *http.Client
	// chain is its certificate, and those that it sent along.
	chain []*x509.Certificate
}

// awaitReady waits until the child answers /readyz with 200, or with what says that it has no such path. A child that
// calls itself unready has not yet installed all that it serves.
func (s *Server) awaitReady(ctx context.Context) (readiness, error) {
	client, err := s.client()
	if err != nil {
		return readiness{}, err
	}
	ctx, cancel := s.alive(ctx)
	defer cancel()
	told, lack := teller{tell: s.options.Progress, begin: time.Now()}, ""
	for {
		asked := time.Now()
		answer, now := s.askReady(ctx, client)
		if now == "" {
			return answer, nil
		}
		// The end of the time says nothing of a child that had none to answer.
		if ctx.Err() == nil || lack == "" || time.Since(asked) > patience {
			lack = now
		}
		told.say(fmt.Sprintf("waiting for %s: %s", s.options.Command[0], lack))
		select {
		case <-ctx.Done():
			return readiness{}, s.cut(ctx, "is not ready within %s: %s", s.options.Timeout, lack)
		case <-time.After(pollInterval):
		}
	}
}

// cut says why waiting ended: the child did, the time was over, or who asked is gone.
func (s *Server) cut(ctx context.Context, format string, args ...any) error {
	switch {
	case s.ended():
		return s.failed("ended before it was available, with %s", s.child.Ended())
	case time.Now().Before(s.deadline):
		return context.Cause(ctx)
	}
	return s.failed(format, args...)
}

// client asks the child as kagg does. Whether its certificate is good is looked at apart: a child with a bad one is
// better told of than not understood.
func (s *Server) client() (*http.Client, error) {
	state := s.running.State()
	pair, err := tls.LoadX509KeyPair(state.FrontProxyClient.CertFile, state.FrontProxyClient.KeyFile)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, //nolint:gosec // see client
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// askReady returns what the child showed, or what it lacks.
func (s *Server) askReady(ctx context.Context, client *http.Client) (readiness, string) {
	a, err := s.get(ctx, client, "/readyz", "*/*")
	switch {
	case err != nil && isRefused(err):
		return readiness{}, "it does not listen on 127.0.0.1:" + strconv.Itoa(s.port) + " yet"
	case err != nil && (ctx.Err() != nil || os.IsTimeout(err)):
		return readiness{}, fmt.Sprintf("it listens on 127.0.0.1:%d, and does not answer GET /readyz", s.port)
	case err != nil:
		return readiness{}, err.Error()
	case a.code >= http.StatusInternalServerError:
		return readiness{}, fmt.Sprintf("its /readyz answers %s: %s", a.status, failedChecks(a.body))
	}
	return readiness{client: client, chain: a.chain}, ""
}

// answer is what the child said to one request.
type answer struct {
	code   int
	status string
	body   []byte
	chain  []*x509.Certificate
}

// get asks the child, as a member of system:masters.
func (s *Server) get(ctx context.Context, client *http.Client, path, accept string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://127.0.0.1:"+strconv.Itoa(s.port)+path, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", accept)
	transport.SetAuthProxyHeaders(req, "system:kube-aggregator", "", []string{"system:masters"}, nil)
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	return answer{resp.StatusCode, resp.Status, body, resp.TLS.PeerCertificates}, err
}

// failedChecks picks the failed ones out of what /readyz answers.
func failedChecks(body []byte) string {
	var failed []string
	for line := range strings.Lines(string(body)) {
		if name, ok := strings.CutPrefix(line, "[-]"); ok {
			failed = append(failed, strings.TrimSpace(name))
		}
	}
	if len(failed) == 0 {
		line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
		return line
	}
	return strings.Join(failed, "; ")
}

// verify tells why kagg would not take the chain for that of the Service; nil when it would.
func verify(of service, chain []*x509.Certificate, ca []byte) error {
	if len(chain) == 0 {
		return errors.New("it shows none")
	}
	options := x509.VerifyOptions{DNSName: of.name + "." + of.namespace + ".svc", Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	options.Roots.AppendCertsFromPEM(ca)
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(options)
	return err
}

// teller tells what is waited for once that takes a while, and again when it is something else.
type teller struct {
	tell  func(string)
	begin time.Time
	said  string
}

// patience is how long nobody wonders.
const patience = time.Second

func (t *teller) say(what string) {
	if what != t.said && time.Since(t.begin) > patience {
		t.said = what
		t.tell(what)
	}
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

package availability

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"k8s.io/client-go/transport"
)

// Timeout is how long one attempt of a probe may take.
const Timeout = 5 * time.Second

// drainLimit bounds what is read of an answer that nobody needs, so that the
// connection can be used again; a longer one is closed.
const drainLimit = 1 << 20

// The identity of a probe. Membership in system:masters makes it pass the
// backend's authorization whatever that is.
const (
	probeUser  = "system:kube-aggregator"
	probeGroup = "system:masters"
)

// Path returns the URL path that a backend is required to serve for a
// group-version, and that Probe asks for: /apis/GROUP/VERSION, or /api/VERSION
// for the group "". Safe for concurrent use.
func Path(group, version string) string {
	if group == "" {
		return "/api/" + version
	}
	return "/apis/" + group + "/" + version
}

// Probe asks for path at each of the hosts (host:port) at once, attempts times
// each, and is content with one success: a status from 200 to 299, within
// Timeout. Redirects are not followed. rt verifies the backend and presents the
// front-proxy certificate; connections of failed attempts are the caller's to
// drop.
//
// The result is never pending unless ctx has ended. The failure texts are those
// of the kube-aggregator (pkg/controllers/status/remote, sync). Safe for
// concurrent use.
func Probe(ctx context.Context, rt http.RoundTripper, hosts []string, path string, attempts int) ProbeResult {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	total := len(hosts) * attempts
	if total == 0 {
		return ProbeResult{Done: true, Failure: "no address to probe"}
	}
	results := make(chan error, total)
	for _, host := range hosts {
		target := (&url.URL{Scheme: "https", Host: host, Path: path}).String()
		for range attempts {
			go func() { results <- attempt(ctx, rt, target) }()
		}
	}
	var last error
	for range total {
		if last = <-results; last == nil {
			return ProbeResult{Done: true}
		}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ProbeResult{}
	}
	return ProbeResult{Done: true, Failure: last.Error()}
}

func attempt(ctx context.Context, rt http.RoundTripper, target string) error {
	err := get(ctx, rt, target)
	if err != nil {
		return fmt.Errorf("failing or missing response from %s: %w", target, err)
	}
	return nil
}

func get(ctx context.Context, rt http.RoundTripper, target string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return err
	}
	transport.SetAuthProxyHeaders(req, probeUser, "", []string{probeGroup}, nil)
	client := http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, drainErr := io.CopyN(io.Discard, resp.Body, drainLimit)
	closeErr := resp.Body.Close()
	if resp.StatusCode < http.StatusOK || resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("bad status from %s: %d", target, resp.StatusCode)
	}
	if drainErr != nil && !errors.Is(drainErr, io.EOF) {
		return fmt.Errorf("answer from %s was cut: %w", target, drainErr)
	}
	return closeErr
}

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// newClient returns a client with the administrator's certificate that speaks HTTP/2, as kubectl does, and leaves
// answers compressed.
func (r *rig) newClient() *http.Client {
	return &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{
		TLSClientConfig:   r.clientTLS.Clone(),
		ForceAttemptHTTP2: true, DisableCompression: true,
	}}
}

// straightClient is newClient for a backend.
func (r *rig) straightClient() *http.Client {
	config := &tls.Config{
		RootCAs: r.backendCA, ServerName: serviceName(0) + ".default.svc", Certificates: []tls.Certificate{r.frontProxy}, MinVersion: tls.VersionTLS12,
	}
	return &http.Client{Timeout: 5 * time.Minute, Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableCompression: true}}
}

// answer is what a GET gave.
type answer struct {
	status int
	etag   string
	body   []byte
}

// get sends one GET; headers are pairs of name and value.
func get(ctx context.Context, client *http.Client, url string, headers ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header.Get("Etag"), body}, err
}

// loaded is what a load of requests gave.
type loaded struct {
	requests  int
	took      time.Duration
	latencies []time.Duration // sorted
}

func (l loaded) median() time.Duration { return l.latencies[len(l.latencies)/2] }

// load sends GETs for a time, inFlight at once, each of which has to be answered with status.
func load(ctx context.Context, client *http.Client, url string, status, inFlight int, d time.Duration, headers ...string) (loaded, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	var over atomic.Bool
	defer time.AfterFunc(d, func() { over.Store(true) }).Stop()
	each := make([][]time.Duration, inFlight)
	var wg sync.WaitGroup
	for i := range each {
		wg.Go(func() {
			buffer := make([]byte, 32<<10)
			for !over.Load() {
				begun := time.Now()
				if err := drain(ctx, client, url, status, buffer, headers); err != nil {
					cancel(err)
					return
				}
				each[i] = append(each[i], time.Since(begun))
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return loaded{}, err
	}
	l := loaded{took: time.Since(start), latencies: slices.Concat(each...)}
	l.requests = len(l.latencies)
	slices.Sort(l.latencies)
	return l, nil
}

// drain sends one GET and throws its body away.
func drain(ctx context.Context, client *http.Client, url string, status int, buffer []byte, headers []string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != status {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("get %s: %d %s, want %d", url, resp.StatusCode, body, status)
	}
	for {
		if _, err := resp.Body.Read(buffer); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// median returns the one in the middle.
func median[T ~int64 | ~float64](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

package gather

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/recording"
)

// Options say with which credentials and for how long to ask. The zero value asks without any: then only what a
// stranger sees is noted.
type Options struct {
	// FrontProxyCert and FrontProxyKey are the aggregator's client certificate and its key, in PEM. Without the key,
	// requests in a user's name go through Server.
	FrontProxyCert, FrontProxyKey []byte
	// ExtraRoots are CAs in PEM that count beside the system's where an APIService has no caBundle and a recording does
	// not say what kagg trusts. Replayed reads them; Gather has them in each Target.
	ExtraRoots []byte
	// Server is the URL of a running kagg, and Client what reaches it as an administrator. Both or none.
	Server string
	Client http.RoundTripper
	// Write allows objects to be created for trial, and deleted again.
	Write bool

	// Timeout bounds one request, default 5 s. OpenAPI documents have four times as long.
	Timeout time.Duration
	// Settle is how long a watch is listened to for what should not come, default 1 s.
	Settle time.Duration
	// Patience is how long the bookmark that ends the initial events is waited for, default 10 s.
	Patience time.Duration
	// Whole bounds all that is asked of one backend, default 90 s.
	Whole time.Duration
	// Parallel is how many backends are asked at once, default 4.
	Parallel int
}

func (o Options) withDefaults() Options {
	for _, d := range [...]struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.Timeout, 5 * time.Second}, {&o.Settle, time.Second}, {&o.Patience, 10 * time.Second}, {&o.Whole, 90 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if o.Parallel <= 0 {
		o.Parallel = 4
	}
	return o
}

// Result is what was seen.
type Result struct {
	// Backends are the facts by Target.Key, for check.Facts.Live.
	Backends map[string]*check.Backend
	// Recorded is what was read, by Target.Key, as a recording has it; only of backends that could be asked as an
	// aggregator asks them.
	Recorded map[string]recording.Backend
}

// Gather connects to every target. It fails when the front-proxy certificate or key is no PEM, when Server is no URL,
// or when ctx ends; never because of a backend.
func Gather(ctx context.Context, targets []Target, o Options) (Result, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return Result{}, err
	}
	frontProxy, err := readFrontProxy(o.FrontProxyCert)
	if err != nil {
		return Result{}, err
	}
	seen := make([]*check.Backend, len(targets))
	recorded := make([]*recording.Backend, len(targets))
	slots := make(chan struct{}, o.Parallel)
	done := make(chan struct{})
	for i, t := range targets {
		go func() {
			slots <- struct{}{}
			g := &gatherer{Options: o, target: t, frontProxy: frontProxy}
			seen[i] = g.run(ctx)
			recorded[i] = g.recorded()
			<-slots
			done <- struct{}{}
		}()
	}
	for range targets {
		<-done
	}
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("connect to the backends: %w", err)
	}
	result := Result{Backends: map[string]*check.Backend{}, Recorded: map[string]recording.Backend{}}
	for i, t := range targets {
		result.Backends[t.Key] = seen[i]
		if recorded[i] != nil {
			result.Recorded[t.Key] = *recorded[i]
		}
	}
	return result, nil
}

func (o Options) validate() error {
	if len(o.FrontProxyKey) > 0 {
		if _, err := tls.X509KeyPair(o.FrontProxyCert, o.FrontProxyKey); err != nil {
			return fmt.Errorf("front-proxy client certificate: %w", err)
		}
	}
	if o.Server == "" {
		return nil
	}
	u, err := url.Parse(o.Server)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) || o.Client == nil {
		return fmt.Errorf("kagg's URL %q: give an https URL, and a client that reaches it", o.Server)
	}
	return nil
}

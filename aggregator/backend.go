package aggregator

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/proxy"
)

// backend is one backend's connections and its three goroutines: one probes, one
// fetches discovery, one OpenAPI, so that none waits for a slower one. A backend
// whose address or trust changes is replaced by a new one: nothing of the old
// one, a kept connection least of all, is used again.
type backend struct {
	spec         backendSpec
	transport    *proxy.Transport
	transportErr error
	pace         pace
	report       func(report)

	groupVersions atomic.Pointer[[]schema.GroupVersion]
	lastProbe     *atomic.Int64
	turn          atomic.Uint32
	probeNow      chan struct{}
	connLost      chan struct{}
	discoveryNow  chan discoveryRequest
	openAPINow    chan struct{}
	stop          context.CancelFunc
	done          sync.WaitGroup
}

// report is one thing that a backend's goroutines learned: exactly one of its
// parts is set.
type report struct {
	from      *backend
	probes    map[schema.GroupVersion]availability.ProbeResult
	discovery *discovered
	openAPI   *openAPI
}

// discoveryRequest asks for discovery to be fetched now. done, where there is
// one, is closed when it has been fetched and reported.
type discoveryRequest struct{ done chan struct{} }

// newBackend makes a backend that does nothing yet.
func newBackend(spec backendSpec, p pace, send func(report)) *backend {
	b := &backend{
		spec: spec, pace: p, report: send,
		lastProbe:    &atomic.Int64{},
		probeNow:     make(chan struct{}, 1),
		connLost:     make(chan struct{}, 1),
		discoveryNow: make(chan discoveryRequest, 1),
		openAPINow:   make(chan struct{}, 1),
	}
	b.groupVersions.Store(&spec.groupVersions)
	return b
}

// start makes the connection pool and starts the goroutines. They end with ctx,
// or when close is called.
func (b *backend) start(ctx context.Context, t trust) {
	query := proxy.Query{Namespace: b.spec.key.namespace, Name: b.spec.key.name, Port: b.spec.key.port}
	options := proxy.TransportOptions{}
	if b.pace.eager {
		options.Dial = dialWatched(func() { poke(b.connLost) })
	}
	if b.pace.crowd.crowded() {
		options.ReadIdleTimeout = crowdReadIdle
	}
	b.transport, b.transportErr = proxy.NewTransport(proxy.TLS{
		ServerName: query.ServerName(), CABundle: b.spec.caBundle, InsecureSkipVerify: b.spec.insecure,
		ExtraRoots: t.roots, ClientCert: t.clientCert, ClientKey: t.clientKey,
	}, options)
	ctx, b.stop = context.WithCancel(ctx)
	b.done.Go(func() { b.probeLoop(ctx) })
	b.done.Go(func() { b.discoveryLoop(ctx) })
	b.done.Go(func() { b.openAPILoop(ctx) })
}

// crowdReadIdle is after how long a silent connection is pinged where there are
// many. It is settled when a backend starts, and the library's choice in client-go.
const crowdReadIdle = 30 * time.Second

// close ends the goroutines without waiting for them, and drops the
// connections that nobody uses.
func (b *backend) close() {
	b.stop()
	if b.transport != nil {
		b.transport.Close()
	}
}

// setGroupVersions changes what is asked for, and asks at once.
func (b *backend) setGroupVersions(groupVersions []schema.GroupVersion) {
	b.groupVersions.Store(&groupVersions)
	poke(b.probeNow)
	b.wakeDiscovery(discoveryRequest{})
}

// wake tells that a request to the backend failed, which counts as a lost
// connection where the pace is eager. It never blocks.
func (b *backend) wake() {
	if b.pace.eager {
		poke(b.connLost)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wakeDiscovery makes discovery be fetched now. It never blocks, and tells
// whether the request was taken: one may already wait.
func (b *backend) wakeDiscovery(r discoveryRequest) bool {
	select {
	case b.discoveryNow <- r:
		return true
	default:
		return false
	}
}

// hosts returns the addresses in the order in which to try them: each request
// begins with another.
func (b *backend) hosts() []string {
	all := b.spec.resolution.Hosts
	first := int(b.turn.Add(1)) % len(all)
	return append(append(make([]string, 0, len(all)), all[first:]...), all[:first]...)
}

// unreachable says why the backend cannot even be asked; "" when it can.
func (b *backend) unreachable() string {
	switch {
	case b.spec.resolveErr != nil:
		var failed *proxy.ResolveError
		if b.pace.eager && errors.As(b.spec.resolveErr, &failed) {
			return failed.Explain()
		}
		return b.spec.resolveErr.Error()
	case b.transportErr != nil:
		return b.transportErr.Error()
	}
	return ""
}

// firstPatience is how long the documents of a new backend wait for the end of its first probe. They are then fetched
// over its connection, where each would open one of its own.
const firstPatience = time.Second

// discoveryLoop fetches discovery after each interval, and when told to, which the first probe does.
func (b *backend) discoveryLoop(ctx context.Context) {
	timer := time.NewTimer(firstPatience)
	defer timer.Stop()
	f := newDiscoveryFetcher(fetcher{rt: b.transport, hosts: b.hosts})
	wait := b.pace.waiter(b.pace.discovery)
	for {
		var request discoveryRequest
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case request = <-b.discoveryNow:
			f.legacyUntil = time.Time{}
		}
		start := time.Now()
		wanted := *b.groupVersions.Load()
		d := undiscovered(wanted, b.unreachable())
		if b.unreachable() == "" {
			d = f.fetch(ctx, wanted)
		}
		if ctx.Err() != nil {
			return
		}
		b.report(report{from: b, discovery: &d})
		if request.done != nil {
			close(request.done)
		}
		timer.Reset(wait.next(d.failed(), time.Since(start)))
	}
}

// openAPILoop fetches the OpenAPI documents after each interval, and when told
// to, which the first probe does.
func (b *backend) openAPILoop(ctx context.Context) {
	timer := time.NewTimer(firstPatience)
	defer timer.Stop()
	f := newOpenAPIFetcher(fetcher{rt: b.transport, hosts: b.hosts}, b.pace.decoding)
	wait := b.pace.waiter(b.pace.openAPI)
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-b.openAPINow:
		}
		start := time.Now()
		why := b.unreachable()
		o := openAPI{v2: openAPIV2{failure: why}, v3: openAPIV3{failure: why}}
		if why == "" {
			o = f.fetch(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		b.report(report{from: b, openAPI: &o})
		timer.Reset(wait.next(o.failed() || o.none(), time.Since(start)))
	}
}

package aggregator

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/proxy"
)

// backend is one backend's connections and goroutines. A backend whose address
// or trust changes is replaced by a new one, so that nothing of the old one, a
// kept connection least of all, is used again.
type backend struct {
	spec         backendSpec
	transport    *proxy.Transport
	transportErr error
	pace         pace
	report       func(report)

	groupVersions atomic.Pointer[[]schema.GroupVersion]
	lastProbe     *atomic.Int64
	nextHost      atomic.Uint32
	probeNow      chan struct{}
	connLost      chan struct{}
	fetchNow      chan fetchRequest
	stop          context.CancelFunc
	done          sync.WaitGroup
}

// report is one thing that a backend's goroutines learned.
type report struct {
	from *backend
	// probes are new results; nil where the report is about documents.
	probes map[schema.GroupVersion]availability.ProbeResult
	// documents are all documents anew; nil where the report is about probes.
	documents *documents
}

// fetchRequest asks the fetch loop to begin now. done, where there is one, is
// closed when discovery has been asked for and reported.
type fetchRequest struct{ done chan struct{} }

// discoveryPatience is how long a recovered backend's discovery is waited for
// before it is called available.
const discoveryPatience = time.Second

// newBackend makes a backend that does nothing yet.
func newBackend(spec backendSpec, p pace, send func(report)) *backend {
	b := &backend{
		spec: spec, pace: p, report: send,
		lastProbe: &atomic.Int64{},
		probeNow:  make(chan struct{}, 1),
		connLost:  make(chan struct{}, 1),
		fetchNow:  make(chan fetchRequest, 1),
	}
	b.groupVersions.Store(&spec.groupVersions)
	return b
}

// start makes the connection pool and starts the goroutines. They end with ctx,
// or when close is called.
func (b *backend) start(ctx context.Context, t trust) {
	query := proxy.Query{Namespace: b.spec.key.namespace, Name: b.spec.key.name, Port: b.spec.key.port}
	b.transport, b.transportErr = proxy.NewTransport(proxy.TLS{
		ServerName: query.ServerName(), CABundle: b.spec.caBundle, InsecureSkipVerify: b.spec.insecure,
		ExtraRoots: t.roots, ClientCert: t.clientCert, ClientKey: t.clientKey,
	}, proxy.TransportOptions{Dial: dialWatched(func() { poke(b.connLost) })})
	ctx, b.stop = context.WithCancel(ctx)
	b.done.Go(func() { b.probeLoop(ctx) })
	b.done.Go(func() { b.fetchLoop(ctx) })
}

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
	b.wakeProbe()
	b.wakeFetch(fetchRequest{})
}

// wakeProbe makes the next round of probes start now. It never blocks.
func (b *backend) wakeProbe() { poke(b.probeNow) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wakeFetch makes the next round of fetching start now. It never blocks, and
// tells whether the request was taken: one may already wait.
func (b *backend) wakeFetch(r fetchRequest) bool {
	select {
	case b.fetchNow <- r:
		return true
	default:
		return false
	}
}

// host returns the address to ask, each in turn.
func (b *backend) host() string {
	hosts := b.spec.resolution.Hosts
	return hosts[int(b.nextHost.Add(1))%len(hosts)]
}

// unreachable says why the backend cannot even be asked; "" when it can.
func (b *backend) unreachable() string {
	switch {
	case b.spec.resolveError != "":
		return b.spec.resolveError
	case b.transportErr != nil:
		return b.transportErr.Error()
	}
	return ""
}

// probeLoop asks for each group-version in turn, for all of them at once when
// one of them changed or the backend ended a connection, and tells the fetch
// loop when the backend has come back.
func (b *backend) probeLoop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	known := map[schema.GroupVersion]availability.ProbeResult{}
	losses := lossPacer{longest: b.pace.probeInterval}
	turn := 0
	for {
		all := true
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			all = false
			losses.tick()
		case <-b.probeNow:
		case <-b.connLost:
			if !losses.heed() {
				continue
			}
		}
		wanted := *b.groupVersions.Load()
		batch := wanted
		if limit := b.pace.probesPerRound; !all && limit > 0 && len(wanted) > limit && steady(known, wanted) {
			batch = inTurn(wanted, turn, limit)
			turn += limit
		}
		if b.probeRound(ctx, known, batch) && len(batch) < len(wanted) {
			b.probeRound(ctx, known, wanted)
		}
		if steady(known, wanted) {
			timer.Reset(losses.next(b.pace.probeInterval))
		} else {
			timer.Reset(b.pace.failedProbeInterval)
		}
	}
}

// inTurn returns limit of the wanted ones, from the turn-th on, round about.
func inTurn(wanted []schema.GroupVersion, turn, limit int) []schema.GroupVersion {
	out := make([]schema.GroupVersion, 0, limit)
	for i := range limit {
		out = append(out, wanted[(turn+i)%len(wanted)])
	}
	return out
}

// steady tells whether every wanted group-version passed its newest probe.
func steady(known map[schema.GroupVersion]availability.ProbeResult, wanted []schema.GroupVersion) bool {
	return !slices.ContainsFunc(wanted, func(gv schema.GroupVersion) bool {
		r, ok := known[gv]
		return !ok || r.Failure != ""
	})
}

// probeRound probes the batch, reports what is new, and tells whether any result
// differs from the one before.
func (b *backend) probeRound(ctx context.Context, known map[schema.GroupVersion]availability.ProbeResult, batch []schema.GroupVersion) bool {
	results := b.probeAll(ctx, batch)
	if ctx.Err() != nil {
		return false
	}
	b.lastProbe.Store(time.Now().UnixNano())
	changed, recovered, failed := false, false, false
	for _, gv := range batch {
		r := results[gv]
		before, ok := known[gv]
		changed = changed || !ok || before != r
		recovered = recovered || (r.Failure == "" && (!ok || before.Failure != ""))
		failed = failed || r.Failure != ""
		known[gv] = r
	}
	if failed && b.transport != nil {
		b.transport.CloseIdleConnections()
	}
	if recovered {
		b.awaitDiscovery(ctx)
	} else if changed {
		b.wakeFetch(fetchRequest{})
	}
	if changed {
		b.report(report{from: b, probes: results})
	}
	return changed
}

// awaitDiscovery waits for fresh discovery, so that an APIService is not called
// available while its resources are still missing.
func (b *backend) awaitDiscovery(ctx context.Context) {
	r := fetchRequest{done: make(chan struct{})}
	if !b.wakeFetch(r) {
		return
	}
	timer := time.NewTimer(discoveryPatience)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (b *backend) probeAll(ctx context.Context, batch []schema.GroupVersion) map[schema.GroupVersion]availability.ProbeResult {
	out := make(map[schema.GroupVersion]availability.ProbeResult, len(batch))
	if why := b.unreachable(); why != "" {
		for _, gv := range batch {
			out[gv] = availability.ProbeResult{Done: true, Failure: why}
		}
		return out
	}
	results := make([]availability.ProbeResult, len(batch))
	var wg sync.WaitGroup
	for i, gv := range batch {
		wg.Go(func() {
			results[i] = availability.Probe(ctx, b.transport, b.spec.resolution.Hosts, availability.Path(gv.Group, gv.Version), b.pace.probeAttempts)
		})
	}
	wg.Wait()
	for i, gv := range batch {
		out[gv] = results[i]
	}
	return out
}

// fetchLoop asks for the documents, again after an interval, and at once when
// told to. OpenAPI documents that fail are asked for ever more rarely, so that a
// backend without them is not flooded and its discovery still followed.
func (b *backend) fetchLoop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	f := newFetcher(b.transport, b.host)
	retry := b.pace.retryInterval
	openAPIDue := time.Time{}
	for {
		var request fetchRequest
		told := false
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case request = <-b.fetchNow:
			told = true
		}
		start := time.Now()
		b.fetchDiscovery(ctx, f)
		if request.done != nil {
			close(request.done)
		}
		if told || !start.Before(openAPIDue) {
			if b.fetchOpenAPI(ctx, f) {
				openAPIDue, retry = start, b.pace.retryInterval
			} else {
				openAPIDue, retry = start.Add(retry), min(retry*2, time.Minute)
			}
		}
		timer.Reset(max(b.pace.refetchInterval, time.Since(start)*time.Duration(b.pace.costFactor)))
	}
}

// fetchDiscovery asks for discovery and reports it.
func (b *backend) fetchDiscovery(ctx context.Context, f *fetcher) {
	wanted := *b.groupVersions.Load()
	if why := b.unreachable(); why != "" {
		f.last = unreachableDocuments(wanted, why)
	} else {
		f.fetchDiscovery(ctx, wanted)
	}
	b.reportDocuments(ctx, f.last)
}

// fetchOpenAPI asks for the OpenAPI documents and reports them. It tells whether
// they could be had. A backend that cannot even be reached is not worth two more
// waits.
func (b *backend) fetchOpenAPI(ctx context.Context, f *fetcher) bool {
	if b.unreachable() == "" && f.last.commonFailure() == "" {
		f.fetchOpenAPI(ctx)
	} else {
		f.last = f.last.withOpenAPIFailure()
	}
	f.last.openAPIAsked = true
	b.reportDocuments(ctx, f.last)
	return !f.last.openAPIFailed()
}

func (b *backend) reportDocuments(ctx context.Context, d documents) {
	if ctx.Err() == nil {
		b.report(report{from: b, documents: &d})
	}
}

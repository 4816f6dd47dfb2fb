package aggregator

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/availability"
)

// discoveryPatience is how long a recovered backend's discovery is waited for
// before it is called available.
const discoveryPatience = time.Second

// prober is the state of a backend's probing goroutine.
type prober struct {
	*backend
	// asked are the group-versions that known is about.
	asked *[]schema.GroupVersion
	known map[schema.GroupVersion]availability.ProbeResult
	next  int
	// told is when a change was last reported.
	told time.Time
	// down is whether the crowd counts the backend among those that are.
	down bool
}

// countDown keeps the crowd's number of backends that are down.
func (p *prober) countDown(down bool) {
	if p.pace.crowd == nil || p.down == down {
		return
	}
	p.down = down
	if down {
		p.pace.crowd.down.Add(1)
	} else {
		p.pace.crowd.down.Add(-1)
	}
}

// failurePatience is how long the text of a failure stands although the newest
// probe failed otherwise: one that fails now so and now so is one failure.
const failurePatience = time.Second

// probeLoop asks for each group-version in turn, for all of them at once when
// one of them changed or the backend ended a connection, and has the documents
// fetched when the backend has gone or come back.
func (b *backend) probeLoop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	p := &prober{backend: b}
	wait := b.pace.waiter(b.pace.probe)
	defer p.countDown(false)
	losses := lossPacer{longest: b.pace.probe.regular}
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
		p.round(ctx, all)
		p.countDown(!p.steady())
		if pause := wait.next(!p.steady(), 0); p.steady() {
			timer.Reset(losses.next(pause))
		} else {
			timer.Reset(pause)
		}
	}
}

// round probes the group-versions whose turn it is, and all of them when one of
// those differs from before.
func (p *prober) round(ctx context.Context, all bool) {
	// Who is not asked for any more is forgotten by the control loop too: one
	// that comes back must be reported anew.
	if wanted := p.groupVersions.Load(); p.asked != wanted {
		p.asked, p.known = wanted, map[schema.GroupVersion]availability.ProbeResult{}
	}
	batch := *p.asked
	if limit := p.pace.probesPerRound; !all && limit > 0 && len(batch) > limit && p.steady() {
		batch = p.inTurn(limit)
	}
	if p.probe(ctx, batch) && len(batch) < len(*p.asked) {
		p.probe(ctx, *p.asked)
	}
}

// inTurn returns the next limit group-versions, round about.
func (p *prober) inTurn(limit int) []schema.GroupVersion {
	wanted := *p.asked
	out := make([]schema.GroupVersion, 0, limit)
	for i := range limit {
		out = append(out, wanted[(p.next+i)%len(wanted)])
	}
	p.next += limit
	return out
}

// steady tells whether every wanted group-version passed its newest probe.
func (p *prober) steady() bool {
	return !slices.ContainsFunc(*p.asked, func(gv schema.GroupVersion) bool {
		r, ok := p.known[gv]
		return !ok || r.Failure != ""
	})
}

// probe probes the batch, reports what is new, and tells whether any result
// differs from the one before.
func (p *prober) probe(ctx context.Context, batch []schema.GroupVersion) bool {
	results := p.ask(ctx, batch)
	if ctx.Err() != nil {
		return false
	}
	p.lastProbe.Store(time.Now().UnixNano())
	changed, turned, recovered, failed, first := false, false, false, false, len(p.known) == 0
	for _, gv := range batch {
		before, ok := p.known[gv]
		r := p.settle(before, results[gv])
		results[gv], p.known[gv] = r, r
		changed = changed || !ok || before != r
		turned = turned || !ok || (before.Failure == "") != (r.Failure == "")
		recovered = recovered || (r.Failure == "" && (!ok || before.Failure != ""))
		failed = failed || r.Failure != ""
	}
	if failed && p.transport != nil {
		p.transport.CloseIdleConnections()
	}
	if recovered || first {
		poke(p.openAPINow)
	}
	if recovered {
		p.awaitDiscovery(ctx)
	} else if turned {
		p.wakeDiscovery(discoveryRequest{})
	}
	if changed {
		p.told = time.Now()
		p.report(report{from: p.backend, probes: results})
	}
	return changed
}

// settle returns before in place of now where both are failures and now is not
// worth telling.
func (p *prober) settle(before, now availability.ProbeResult) availability.ProbeResult {
	if before.Failure == "" || now.Failure == "" {
		return now
	}
	if availability.SameFailure(before.Failure, now.Failure) || time.Since(p.told) < failurePatience {
		return before
	}
	return now
}

// awaitDiscovery waits for fresh discovery, so that an APIService is not called
// available while its resources are still missing.
func (p *prober) awaitDiscovery(ctx context.Context) {
	r := discoveryRequest{done: make(chan struct{})}
	if !p.wakeDiscovery(r) {
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

func (p *prober) ask(ctx context.Context, batch []schema.GroupVersion) map[schema.GroupVersion]availability.ProbeResult {
	out := make(map[schema.GroupVersion]availability.ProbeResult, len(batch))
	if why := p.unreachable(); why != "" {
		for _, gv := range batch {
			out[gv] = availability.ProbeResult{Done: true, Failure: why}
		}
		return out
	}
	results := make([]availability.ProbeResult, len(batch))
	var wg sync.WaitGroup
	for i, gv := range batch {
		ended := make(chan struct{})
		wg.Go(func() {
			defer close(ended)
			errs := &lastError{RoundTripper: p.transport}
			results[i] = availability.Probe(ctx, errs, p.spec.resolution.Hosts, availability.Path(gv.Group, gv.Version), p.pace.probeAttempts)
			if results[i].Failure != "" {
				results[i].Hint = errs.hint()
			}
		})
		if i == 0 && len(batch) > 1 {
			letLead(ended)
		}
	}
	wg.Wait()
	for i, gv := range batch {
		out[gv] = results[i]
	}
	return out
}

// leadPatience is how much earlier the first of several probes begins, unless it ends before.
const leadPatience = 100 * time.Millisecond

// letLead waits for the first of several probes, so that the others go over the connection that it opened: without it
// each would open one of its own, all but one for nothing.
func letLead(ended <-chan struct{}) {
	timer := time.NewTimer(leadPatience)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// changeLimit is how long the kube-aggregator may take to notice a change: it asks once a minute.
const changeLimit = 90 * time.Second

// measureChange measures how long a change on one backend takes to be served, and what it costs.
func (r *rig) measureChange(ctx context.Context, res *result) error {
	n := manyServices
	if r.settings.short {
		n = 20
	}
	b, err := r.startBackends(ctx, n, false)
	if err != nil {
		return err
	}
	o := r.registrations(b, n, false)
	var served, cpu, whole [2]value
	for i, side := range []struct {
		start func(context.Context, objects) (*server, error)
		times int
	}{{r.startReal, 1}, {r.startKagg, 5}} {
		s, all, err := r.merge(ctx, side.start, o, n, changeLimit)
		if err != nil {
			return err
		}
		whole[i] = all.cpu
		if served[i], cpu[i], err = r.changes(ctx, b, s, side.times); err != nil {
			return err
		}
		s.stop()
	}
	what := fmt.Sprintf("a change on one backend of %d, discovery and OpenAPI", n)
	res.add(line{row: "change", what: what + ": until merged and served", unit: asTime, real: served[0], kagg: served[1], targets: []target{atMost(1, absolute)}})
	res.add(line{
		row: "change", what: fmt.Sprintf("the same: CPU above that at rest (a twentieth of merging all: %s)", asTime.format(whole[1].number/20)), unit: asTime,
		real: cpu[0], kagg: cpu[1], targets: []target{atMost(whole[1].number/20, absolute)},
	})
	return nil
}

// changes changes a backend several times and returns the median time until both documents have the change, and the
// CPU that the server used beyond that of being asked in vain.
func (r *rig) changes(ctx context.Context, b *backendServer, s *server, times int) (served, cpu value, err error) {
	discovery, openAPI := newDiscoveryFollower(s), newOpenAPIFollower(s)
	// Both are warm, and what follows a start is over.
	for range 100 {
		for _, f := range []*follower{discovery, openAPI} {
			if _, err := f.look(ctx); err != nil {
				return served, cpu, err
			}
		}
		time.Sleep(30 * time.Millisecond)
	}
	var took, used []float64
	for i := range times {
		const calm = 3 * time.Second
		_, idle, err := r.followFor(ctx, s, calm, func() bool { return false }, discovery, openAPI)
		if err != nil {
			return served, cpu, err
		}
		name, err := b.change(ctx, i)
		if err != nil {
			return served, cpu, err
		}
		mark := []byte(name + "s")
		both := func() bool { return bytes.Contains(discovery.body, mark) && bytes.Contains(openAPI.body, mark) }
		d, busy, err := r.followFor(ctx, s, changeLimit, both, discovery, openAPI)
		if err != nil {
			return served, cpu, err
		}
		if !both() {
			return served, cpu, fmt.Errorf("%s has not served the change of a backend after %s", s.name, changeLimit)
		}
		took = append(took, d.Seconds())
		used = append(used, max(0, busy.Seconds()-idle.Seconds()*d.Seconds()/calm.Seconds()))
	}
	return known(median(took)), known(median(used)), nil
}

// followFor looks at documents until done or the time is over, and returns how long that was and the CPU time of
// the server in it.
func (r *rig) followFor(ctx context.Context, s *server, limit time.Duration, done func() bool, all ...*follower) (took, cpu time.Duration, err error) {
	before, err := s.cpu()
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	for !done() && time.Since(start) < limit {
		for _, f := range all {
			if _, err := f.look(ctx); err != nil {
				return 0, 0, err
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	took = time.Since(start)
	after, err := s.cpu()
	return took, after - before, err
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// inFlight is how many requests are under way at once in the measurement of throughput.
const inFlight = 16

// thingPath is answered by the first group's backend.
var thingPath = "/apis/" + groupName(0) + "/v1/namespaces/default/thing00s/one"

// proxies are the servers that pass requests on to the same backend, and that backend.
type proxies struct {
	backend *backendServer
	real    *server
	bare    *server
	kagg    *server
}

// startProxies starts them with one APIService, and waits until each passes requests on.
func (r *rig) startProxies(ctx context.Context) (*proxies, error) {
	var p proxies
	var err error
	if p.backend, err = r.startBackends(ctx, 1, false); err != nil {
		return nil, err
	}
	o := r.registrations(p.backend, 1, false)
	if p.real, err = r.startReal(ctx, o); err != nil {
		return nil, err
	}
	if p.bare, err = r.startBare(ctx, p.backend); err != nil {
		return nil, err
	}
	if p.kagg, err = r.startKagg(ctx, o); err != nil {
		return nil, err
	}
	for _, s := range p.all() {
		if _, err := awaitStatus(ctx, s, thingPath, http.StatusOK, time.Minute); err != nil {
			return nil, err
		}
	}
	return &p, nil
}

// all are in the order in which they take turns.
func (p *proxies) all() []*server { return []*server{p.real, p.bare, p.kagg, p.backend.server} }

// awaitStatus asks until path is answered with status, and returns how long that took.
func awaitStatus(ctx context.Context, s *server, path string, status int, limit time.Duration) (time.Duration, error) {
	start := time.Now()
	for {
		got, err := get(ctx, s.client, s.url+path)
		if err == nil && got.status == status {
			return time.Since(start), nil
		}
		if err := s.check(); err != nil {
			return 0, err
		}
		if time.Since(start) > limit || ctx.Err() != nil {
			return 0, fmt.Errorf("%s answers %s with %d %s (%w) after %s, want %d", s.name, path, got.status, got.body, err, limit, status)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// turns are how often, and for how long each time, servers are measured in turn.
func (r *rig) turns() (times int, each time.Duration) {
	if r.settings.short {
		return 3, time.Second
	}
	return 5, 3 * time.Second
}

// measureProxy measures the CPU time of a proxied request and the throughput.
func (r *rig) measureProxy(ctx context.Context, res *result) error {
	p, err := r.startProxies(ctx)
	if err != nil {
		return err
	}
	cpu, rate := map[*server][]float64{}, map[*server][]float64{}
	times, each := r.turns()
	for i := range times + 1 {
		for _, s := range p.all() {
			used, l, err := loadAndCPU(ctx, s, thingPath, http.StatusOK, inFlight, each)
			if err != nil {
				return err
			}
			if i == 0 {
				continue // the first turn warms the server up
			}
			cpu[s] = append(cpu[s], used.Seconds()/float64(l.requests))
			rate[s] = append(rate[s], float64(l.requests)/l.took.Seconds())
		}
	}
	res.add(line{
		row: "proxy", what: fmt.Sprintf("CPU per proxied request: GET of %d bytes, TLS both sides, client certificate, %d in flight", payloadSize, inFlight),
		unit: asTime, real: known(median(cpu[p.real])), bare: known(median(cpu[p.bare])), kagg: known(median(cpu[p.kagg])),
		targets: []target{atMost(1.3, ofBare)},
	})
	res.add(line{
		row: "proxy", what: fmt.Sprintf("throughput, same work (straight to the backend: %s)", asRate.format(median(rate[p.backend.server]))),
		unit: asRate, real: known(median(rate[p.real])), bare: known(median(rate[p.bare])), kagg: known(median(rate[p.kagg])),
		targets: []target{atLeast(2.2, ofReal)},
	})
	return nil
}

// loadAndCPU loads a server for a time and returns the CPU time that the server used for it.
func loadAndCPU(ctx context.Context, s *server, path string, status, inFlight int, d time.Duration, headers ...string) (time.Duration, loaded, error) {
	before, err := s.cpu()
	if err != nil {
		return 0, loaded{}, err
	}
	l, err := load(ctx, s.client, s.url+path, status, inFlight, d, headers...)
	if err != nil {
		return 0, l, fmt.Errorf("%s: %w", s.name, err)
	}
	after, err := s.cpu()
	return after - before, l, err
}

// measureLatency measures how long a request takes when it is alone.
func (r *rig) measureLatency(ctx context.Context, res *result) error {
	p, err := r.startProxies(ctx)
	if err != nil {
		return err
	}
	all := map[*server][]float64{}
	times, each := r.turns()
	for range times {
		for _, s := range p.all() {
			l, err := load(ctx, s.client, s.url+thingPath, http.StatusOK, 1, each/2)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			all[s] = append(all[s], l.median().Seconds())
		}
	}
	res.add(line{
		row: "latency", what: fmt.Sprintf("latency, one in flight, median (straight to the backend: %s)", asTime.format(median(all[p.backend.server]))),
		unit: asTime, real: known(median(all[p.real])), bare: known(median(all[p.bare])), kagg: known(median(all[p.kagg])),
		targets: []target{atMost(1.2, ofBare)},
	})
	return nil
}

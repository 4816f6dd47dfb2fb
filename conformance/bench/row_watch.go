package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// watchesEach is how many watches go over one connection: fewer than the streams that servers allow.
const watchesEach = 100

// measureWatches measures what open watches with an event a second cost.
func (r *rig) measureWatches(ctx context.Context, res *result) error {
	watches, d := 1000, 15*time.Second
	if r.settings.short {
		watches, d = 200, 5*time.Second
	}
	p, err := r.startProxies(ctx)
	if err != nil {
		return err
	}
	cpu, memory := map[*server]value{}, map[*server]value{}
	for _, s := range []*server{p.real, p.kagg, p.bare} {
		used, resident, err := r.watchAll(ctx, s, watches, d)
		if err != nil {
			return err
		}
		cpu[s], memory[s] = known(used/d.Seconds()), known(resident)
	}
	what := fmt.Sprintf("%d watches open on one backend, an event a second to each: ", watches)
	res.add(line{
		row: "watch", what: what + "CPU per second", unit: asTime,
		real: cpu[p.real], bare: cpu[p.bare], kagg: cpu[p.kagg], targets: []target{atMost(0.5, ofReal)},
	})
	res.add(line{
		row: "watch", what: what + "resident memory", unit: asMemory,
		real: memory[p.real], bare: memory[p.bare], kagg: memory[p.kagg], targets: []target{atMost(0.5, ofReal)},
	})
	return nil
}

// watchAll opens watches, and returns the CPU seconds that the server used in a time in which all were open, and
// its memory at the end of it. It fails when fewer than nine in ten of the events arrive.
func (r *rig) watchAll(ctx context.Context, s *server, watches int, d time.Duration) (cpu, resident float64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	var events, open atomic.Int64
	failed := make(chan error, watches)
	for range watches / watchesEach {
		client := r.newClient()
		client.Timeout = 0
		for range watchesEach {
			running.Go(func() {
				if err := follow(ctx, client, s.url, &open, &events); err != nil && ctx.Err() == nil {
					failed <- err
				}
			})
		}
	}
	for start := time.Now(); open.Load() < int64(watches); time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-failed:
			return 0, 0, fmt.Errorf("%s: %w", s.name, err)
		default:
		}
		if time.Since(start) > startLimit {
			return 0, 0, fmt.Errorf("%s: %d of %d watches are open after %s", s.name, open.Load(), watches, startLimit)
		}
	}
	time.Sleep(2 * time.Second) // opening them is not what is measured
	before, err := s.cpu()
	if err != nil {
		return 0, 0, err
	}
	seen := events.Load()
	time.Sleep(d)
	after, err := s.cpu()
	if err != nil {
		return 0, 0, err
	}
	if got, want := events.Load()-seen, float64(watches)*d.Seconds(); float64(got) < 0.9*want {
		return 0, 0, fmt.Errorf("%s: %d events arrived in %s, want %.0f", s.name, got, d, want)
	}
	resident, _, err = s.resident()
	return (after - before).Seconds(), resident, err
}

// follow reads one watch until ctx ends.
func follow(ctx context.Context, client *http.Client, url string, open, events *atomic.Int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/apis/"+groupName(0)+"/v1/thing00s?watch=true", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	open.Add(1)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		events.Add(1)
	}
	return errors.Join(lines.Err(), errors.New("the watch ended"))
}

package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// fewServices is the number of APIServices of somebody who develops one apiserver or a few.
const fewServices = 10

// measureStart measures the time from starting a server to its being ready, with a backend each for its APIServices.
func (r *rig) measureStart(ctx context.Context, res *result) error {
	times := 7
	if r.settings.short {
		times = 3
	}
	b, err := r.startBackends(ctx, fewServices, false)
	if err != nil {
		return err
	}
	o := r.registrations(b, fewServices, false)
	ready, answers := map[string][]float64{}, map[string][]float64{}
	cpu := map[string][]float64{}
	for range times {
		for name, start := range map[string]func() (*server, error){
			"real":  func() (*server, error) { return r.startReal(ctx, o) },
			"kagg":  func() (*server, error) { return r.startKagg(ctx, o) },
			"first": func() (*server, error) { return r.startKaggAnew(ctx, o) },
		} {
			s, err := start()
			if err != nil {
				return err
			}
			used, err := s.cpu()
			if err != nil {
				return err
			}
			ready[name], cpu[name] = append(ready[name], s.ready.Seconds()), append(cpu[name], used.Seconds())
			if name != "first" {
				if err := awaitAll(ctx, s, fewServices); err != nil {
					return err
				}
				answers[name] = append(answers[name], time.Since(s.begun).Seconds())
			}
			s.stop()
		}
	}
	what := " with " + strconv.Itoa(fewServices) + " APIServices"
	res.add(line{
		row: "startup", what: "start to ready" + what + ", state folder present (the kube-aggregator without etcd)", unit: asTime,
		real: known(median(ready["real"])), kagg: known(median(ready["kagg"])), targets: []target{atMost(0.15, absolute)},
	})
	res.add(line{
		row: "startup", what: "the same, first start ever", unit: asTime,
		kagg: known(median(ready["first"])), targets: []target{atMost(0.25, absolute)},
	})
	res.add(line{
		row: "startup", what: "start until the last of them answers", unit: asTime,
		real: known(median(answers["real"])), kagg: known(median(answers["kagg"])),
	})
	res.add(line{
		row: "startup", what: "CPU of start to ready", unit: asTime,
		real: known(median(cpu["real"])), kagg: known(median(cpu["kagg"])),
	})
	return nil
}

// startKaggAnew starts kagg with a state folder that does not exist.
func (r *rig) startKaggAnew(ctx context.Context, o objects) (*server, error) {
	// Nobody can know the certificate yet, and everybody may ask for /readyz.
	anyone := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, //nolint:gosec // see above
	}}
	state := filepath.Join(r.dir, "first")
	if err := os.RemoveAll(state); err != nil {
		return nil, err
	}
	return r.startKaggIn(ctx, state, o, anyone)
}

// awaitAll waits until the backends of n groups answer through s.
func awaitAll(ctx context.Context, s *server, n int) error {
	for i := range n {
		if _, err := awaitStatus(ctx, s, "/apis/"+groupName(i)+"/v1/thing00s", http.StatusOK, 2*time.Minute); err != nil {
			return err
		}
	}
	return nil
}

// measureRest measures the memory of servers that have nothing to do.
func (r *rig) measureRest(ctx context.Context, res *result) error {
	rest := 20 * time.Second
	if r.settings.short {
		rest = 3 * time.Second
	}
	b, err := r.startBackends(ctx, fewServices, false)
	if err != nil {
		return err
	}
	o := r.registrations(b, fewServices, false)
	l := line{
		row: "memory", what: "resident memory at rest, " + strconv.Itoa(fewServices) + " APIServices (the kube-aggregator without etcd)",
		unit: asMemory, targets: []target{atMost(60e6, absolute)},
	}
	var all []*server
	for _, start := range []func(context.Context, objects) (*server, error){r.startReal, r.startKagg} {
		s, err := start(ctx, o)
		if err != nil {
			return err
		}
		if err := awaitAll(ctx, s, fewServices); err != nil {
			return err
		}
		all = append(all, s)
	}
	time.Sleep(rest)
	for i, into := range []*value{&l.real, &l.kagg} {
		now, _, err := all[i].resident()
		if err != nil {
			return err
		}
		*into = known(now)
	}
	res.add(l)
	return nil
}

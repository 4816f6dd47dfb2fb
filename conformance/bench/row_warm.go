package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// measureWarm measures what it costs to send merged documents that nothing changes.
func (r *rig) measureWarm(ctx context.Context, res *result) error {
	n := manyServices
	if r.settings.short {
		n = 20
	}
	times, each := r.turns()
	b, err := r.startBackends(ctx, n, false)
	if err != nil {
		return err
	}
	o := r.registrations(b, n, false)
	kagg, _, err := r.merge(ctx, r.startKagg, o, n, time.Minute)
	if err != nil {
		return err
	}
	real, _, err := r.merge(ctx, r.startReal, o, n, 2*time.Minute)
	if err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	for _, document := range []struct {
		follow  func(*server) *follower
		factors [2]float64
	}{{newDiscoveryFollower, [2]float64{0.2, 1. / 3}}, {newOpenAPIFollower, [2]float64{0.2, 1. / 3}}} {
		for i, isKnown := range []bool{false, true} {
			l, err := r.warm(ctx, document.follow, isKnown, real, kagg, times, each/2)
			if err != nil {
				return err
			}
			l.targets = []target{atMost(document.factors[i], ofReal)}
			l.what = fmt.Sprintf("warm GET, %d groups, CPU: ", n) + l.what
			res.add(l)
		}
	}
	return nil
}

// warm loads both servers in turn with GETs of a document, which the client has already if it is known.
func (r *rig) warm(ctx context.Context, follow func(*server) *follower, isKnown bool, real, kagg *server, times int, each time.Duration) (line, error) {
	cpu := map[*server][]float64{}
	l := line{row: "warm", unit: asTime}
	for range times {
		for _, s := range []*server{real, kagg} {
			f := follow(s)
			if _, err := f.look(ctx); err != nil {
				return l, err
			}
			headers, status := []string{"Accept", f.accept, "Accept-Encoding", "gzip"}, http.StatusOK
			l.what = fmt.Sprintf("%s of %s, gzip", f.path, asMemory.format(float64(len(f.body))))
			if isKnown {
				headers, status = append(headers, "If-None-Match", f.etag), http.StatusNotModified
				l.what = f.path + " with If-None-Match (304)"
			}
			used, got, err := loadAndCPU(ctx, s, f.path, status, 4, each, headers...)
			if err != nil {
				return l, err
			}
			cpu[s] = append(cpu[s], used.Seconds()/float64(got.requests))
		}
	}
	l.real, l.kagg = known(median(cpu[real])), known(median(cpu[kagg]))
	return l, nil
}

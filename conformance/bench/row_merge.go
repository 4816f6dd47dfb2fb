package main

import (
	"context"
	"fmt"
	"time"
)

// manyServices is the number of APIServices of a large cluster.
const manyServices = 100

// measureOneService measures many APIServices of one Service.
func (r *rig) measureOneService(ctx context.Context, res *result) error {
	n := manyServices
	if r.settings.short {
		n = 20
	}
	b, err := r.startBackends(ctx, n, true)
	if err != nil {
		return err
	}
	o := r.registrations(b, n, true)
	_, kagg, err := r.merge(ctx, r.startKagg, o, n, 3*time.Minute)
	if err != nil {
		return err
	}
	_, real, err := r.merge(ctx, r.startReal, o, n, 3*time.Minute)
	if err != nil {
		return err
	}
	addMerge(res, "one", fmt.Sprintf("%d APIServices on one service, 6 MB of OpenAPI v2", n), real, kagg,
		[3]target{atMost(2, absolute), atMost(3, absolute), atMost(250e6, absolute)})
	return nil
}

func addMerge(res *result, row, what string, real, kagg sample, targets [3]target) {
	res.add(line{row: row, what: what + ": to all merged", unit: asTime, real: real.took, kagg: kagg.took, targets: targets[:1]})
	res.add(line{row: row, what: "the same: CPU", unit: asTime, real: real.cpu, kagg: kagg.cpu, targets: targets[1:2]})
	res.add(line{row: row, what: "the same: most resident memory", unit: asMemory, real: real.most, kagg: kagg.most, targets: targets[2:]})
}

// settled is how long after a start a server is at rest.
const settled = 15 * time.Second

// growthSizes are numbers of APIServices, each with a Service of its own.
var growthSizes = []int{1, 10, manyServices, 1000}

// measureGrowth measures ever more APIServices.
func (r *rig) measureGrowth(ctx context.Context, res *result) error {
	sizes, rest, limit := growthSizes, 20*time.Second, 100*time.Second
	if r.settings.short {
		sizes, rest, limit = sizes[:3], 5*time.Second, 20*time.Second
	}
	for _, n := range sizes {
		b, err := r.startBackends(ctx, n, false)
		if err != nil {
			return err
		}
		o := r.registrations(b, n, false)
		for _, side := range []struct {
			start func(context.Context, objects) (*server, error)
			into  *[]sample
		}{{r.startKagg, &res.growth.kagg}, {r.startReal, &res.growth.real}} {
			s, got, err := r.merge(ctx, side.start, o, n, limit)
			if err != nil {
				return err
			}
			if n >= manyServices {
				time.Sleep(settled) // what a start leaves over
				if got.rest, err = atRest(ctx, s, rest); err != nil {
					return err
				}
			}
			*side.into = append(*side.into, got)
			s.stop()
		}
		r.stopAll()
	}
	res.addGrowth()
	return nil
}

// addGrowth adds the lines of the larger sizes.
func (res *result) addGrowth() {
	var hundred sample
	for i, kagg := range res.growth.kagg {
		real := res.growth.real[i]
		what := fmt.Sprintf("%d APIServices on %d services, %d resources each", kagg.groups, kagg.groups, resourcesEach)
		switch {
		case kagg.groups == manyServices:
			hundred = kagg
			half := atMost(0.5, ofReal)
			addMerge(res, "growth", what, real, kagg, [3]target{half, half, half})
		case kagg.groups > manyServices:
			times := 1.1 * float64(kagg.groups/manyServices)
			linear := func(v value) target { return atMost(times*v.number, absolute) }
			addMerge(res, "growth", what, real, kagg, [3]target{linear(hundred.took), linear(hundred.cpu), linear(hundred.most)})
			res.add(line{
				row: "growth", what: "the same: CPU at rest per minute", unit: asTime,
				real: real.rest.times(60), kagg: kagg.rest.times(60), targets: []target{atMost(0.6, absolute)},
			})
		}
	}
}

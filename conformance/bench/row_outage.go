package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// outageLimit is how long a server may take to notice that a backend has gone or come.
const outageLimit = 90 * time.Second

// measureOutage measures how long a server takes to call a stopped backend unavailable, and to use it again.
func (r *rig) measureOutage(ctx context.Context, res *result) error {
	address, err := r.address(ctx)
	if err != nil {
		return err
	}
	b, err := r.startBackendsAt(ctx, address, 1, false)
	if err != nil {
		return err
	}
	o := r.registrations(b, 1, false)
	servers := map[string]*server{}
	if servers["real"], err = r.startReal(ctx, o); err != nil {
		return err
	}
	if servers["kagg"], err = r.startKagg(ctx, o); err != nil {
		return err
	}
	times := 3
	if r.settings.short {
		times = 1
	}
	down, up := map[string][]float64{}, map[string][]float64{}
	for range times {
		if err := eachServer(servers, func(s *server) (time.Duration, error) {
			return awaitStatus(ctx, s, thingPath, http.StatusOK, outageLimit)
		}, nil); err != nil {
			return err
		}
		time.Sleep(2 * time.Second)
		stopping := time.Now()
		b.stop()
		if err := eachServer(servers, func(s *server) (time.Duration, error) { return awaitUnavailable(ctx, s, stopping) }, down); err != nil {
			return err
		}
		time.Sleep(2 * time.Second)
		if b, err = r.startBackendsAt(ctx, address, 1, false); err != nil {
			return err
		}
		if err := eachServer(servers, func(s *server) (time.Duration, error) {
			return awaitStatus(ctx, s, thingPath, http.StatusOK, outageLimit)
		}, up); err != nil {
			return err
		}
	}
	res.add(line{row: "outage", what: "backend stopped until not available and 503", unit: asTime, real: known(median(down["real"])), kagg: known(median(down["kagg"])), targets: []target{atMost(1, absolute)}})
	res.add(line{row: "outage", what: "backend started until 200", unit: asTime, real: known(median(up["real"])), kagg: known(median(up["kagg"])), targets: []target{atMost(1, absolute)}})
	return nil
}

// eachServer does something with all servers at once and adds how long each took.
func eachServer(servers map[string]*server, do func(*server) (time.Duration, error), into map[string][]float64) error {
	type outcome struct {
		name string
		took time.Duration
		err  error
	}
	outcomes := make(chan outcome, len(servers))
	for name, s := range servers {
		go func() {
			took, err := do(s)
			outcomes <- outcome{name, took, err}
		}()
	}
	var failed error
	for range servers {
		o := <-outcomes
		failed = errorOr(failed, o.err)
		if into != nil {
			into[o.name] = append(into[o.name], o.took.Seconds())
		}
	}
	return failed
}

// awaitUnavailable waits until the condition of the first APIService says that it is not available and requests
// are answered with 503, and returns how long that was from start on.
func awaitUnavailable(ctx context.Context, s *server, start time.Time) (time.Duration, error) {
	for time.Since(start) < outageLimit {
		var a apiregistrationv1.APIService
		got, err := get(ctx, s.client, s.url+"/apis/apiregistration.k8s.io/v1/apiservices/v1."+groupName(0))
		if err == nil {
			err = json.Unmarshal(got.body, &a)
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w: %s", s.name, err, got.body)
		}
		for _, c := range a.Status.Conditions {
			if c.Type == apiregistrationv1.Available && c.Status == apiregistrationv1.ConditionFalse {
				_, err := awaitStatus(ctx, s, thingPath, http.StatusServiceUnavailable, outageLimit)
				return time.Since(start), err
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return 0, fmt.Errorf("%s calls a backend available %s after it stopped", s.name, outageLimit)
}

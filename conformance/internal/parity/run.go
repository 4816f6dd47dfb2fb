package parity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/kagg-project/kagg/conformance/internal/upstream"
	"github.com/kagg-project/kagg/internal/pki"
)

// Result is how a scenario went.
type Result struct {
	// Requests is how many were compared.
	Requests int
	// Allowed are the differences that the scenario allows, each once.
	Allowed []Allowed
	// NotAllowed are all others.
	NotAllowed []Difference
}

// defaultWithin is how long the servers may take to agree: what the scenario waited for is there by then,
// also on a machine that runs other tests beside it. Only what fails waits that long.
const defaultWithin = 15 * time.Second

// StartKagg runs kagg serve with these arguments and returns its address and its state folder. Whoever gives
// it stops kagg in the end.
type StartKagg func(args ...string) (url, stateDir string, err error)

// Run runs a scenario on two servers of its own. An error means that it could not be run to its end.
func Run(ctx context.Context, s *Scenario, kagg StartKagg) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &run{scenario: s, result: &Result{}, seen: map[int]bool{}}
	err := r.start(ctx, kagg)
	if err == nil {
		err = r.steps(ctx)
	}
	for _, side := range r.sides() {
		for _, b := range side.backends {
			b.stop()
		}
		for _, c := range side.clients {
			c.CloseIdleConnections()
		}
	}
	cancel()
	for _, wait := range r.stopped {
		wait()
	}
	if err == nil {
		err = r.unseen()
	}
	return r.result, err
}

type run struct {
	scenario   *Scenario
	ca         *authority
	real, kagg *side
	stopped    []func()
	result     *Result
	seen       map[int]bool // by the index of Allowed
}

func (r *run) sides() []*side {
	var out []*side
	for _, s := range []*side{r.real, r.kagg} {
		if s != nil {
			out = append(out, s)
		}
	}
	return out
}

// start starts the backends and both servers.
func (r *run) start(ctx context.Context, kagg StartKagg) error {
	var err error
	if r.ca, err = newAuthority(); err != nil {
		return err
	}
	unknown, err := newAuthority()
	if err != nil {
		return err
	}
	if r.kagg, err = r.startKagg(kagg); err != nil {
		return fmt.Errorf("starting kagg: %w", err)
	}
	if err := r.kagg.connect(); err != nil {
		return err
	}
	if r.real, err = r.startReal(ctx, r.kagg.state); err != nil {
		return fmt.Errorf("starting the kube-aggregator: %w", err)
	}
	for _, side := range r.sides() {
		if side.backends, err = newBackends(ctx, r.scenario, r.ca, unknown, side.state); err != nil {
			return err
		}
		if err := side.connect(); err != nil {
			return err
		}
		for name, b := range side.backends {
			if r.scenario.Backends[name].Down {
				continue
			}
			if err := b.start(ctx); err != nil {
				return err
			}
		}
	}
	return r.sameLocal(ctx)
}

// startKagg starts kagg with the scenario's flags.
func (r *run) startKagg(start StartKagg) (*side, error) {
	h := r.scenario.RequestHeader
	args := []string{
		"--profile=" + cmp.Or(r.scenario.Profile, "upstream"),
		fmt.Sprintf("--anonymous-auth=%t", r.scenario.Anonymous),
		"--token-auth-file=" + tokenFile(r.scenario),
	}
	for flag, values := range map[string][]string{
		"--requestheader-username-headers":     h.UsernameHeaders,
		"--requestheader-uid-headers":          h.UIDHeaders,
		"--requestheader-group-headers":        h.GroupHeaders,
		"--requestheader-extra-headers-prefix": h.ExtraHeaderPrefixes,
	} {
		if values != nil {
			args = append(args, flag+"="+strings.Join(values, ","))
		}
	}
	url, stateDir, err := start(args...)
	if err != nil {
		return nil, err
	}
	state, err := pki.Ensure(stateDir, pki.Options{})
	if err != nil {
		return nil, err
	}
	return &side{name: "kagg", url: url, state: state}, nil
}

// tokenFile has the static tokens of all scenarios.
func tokenFile(s *Scenario) string { return filepath.Join(filepath.Dir(s.Dir), "tokens.csv") }

func (r *run) startReal(ctx context.Context, state *pki.State) (*side, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	info, err := r.kagg.version(ctx)
	if err != nil {
		return nil, err
	}
	local, err := r.kagg.localAPIServices(ctx)
	if err != nil {
		return nil, err
	}
	h := r.scenario.RequestHeader
	server, err := upstream.Start(ctx, upstream.Options{
		State: state, Listener: l, Version: info, Local: local,
		Authentication: upstream.Authentication{
			TokenFile: tokenFile(r.scenario), Anonymous: r.scenario.Anonymous,
			UsernameHeaders: h.UsernameHeaders, UIDHeaders: h.UIDHeaders,
			GroupHeaders: h.GroupHeaders, ExtraHeaderPrefixes: h.ExtraHeaderPrefixes,
		},
	})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	r.stopped = append(r.stopped, server.Wait)
	return &side{name: "kube-aggregator", url: server.URL, state: state}, nil
}

// sameLocal gives the real one the Local APIServices that kagg registers of its own.
func (r *run) sameLocal(ctx context.Context) error {
	list, err := r.kagg.apiServices(ctx)
	if err != nil {
		return err
	}
	for i := range list.Items {
		o := list.Items[i].DeepCopy()
		for _, f := range []string{"resourceVersion", "uid", "creationTimestamp", "managedFields"} {
			delete(o.Object["metadata"].(map[string]any), f)
		}
		delete(o.Object, "status")
		if err := r.real.putWhenReady(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// unseen finds allowed differences that did not come up: they would hide the next ones.
func (r *run) unseen() error {
	var errs []error
	for i, a := range r.scenario.Allowed {
		switch {
		case r.seen[i]:
			r.result.Allowed = append(r.result.Allowed, a)
		case !a.Sometimes:
			errs = append(errs, fmt.Errorf("%s: the allowed difference %q at %q did not come up: remove it", r.scenario.Name, a.Where, a.Request))
		}
	}
	return errors.Join(errs...)
}

// judge sorts differences into allowed ones and others.
func (r *run) judge(found []Difference) (notAllowed []Difference, allowed []int) {
	for _, d := range found {
		i := r.allowing(d)
		if i < 0 {
			notAllowed = append(notAllowed, d)
			continue
		}
		allowed = append(allowed, i)
	}
	return notAllowed, allowed
}

func (r *run) allowing(d Difference) int {
	for i, a := range r.scenario.Allowed {
		named := matches(a.Request, d.Request) || a.Everywhere && matches(a.Request, d.Target)
		if named && matches(a.Where, d.Where) {
			return i
		}
	}
	return -1
}

func (r *run) name(found []Difference, request string) []Difference {
	for i := range found {
		found[i].Scenario, found[i].Request = r.scenario.Name, request
	}
	return found
}

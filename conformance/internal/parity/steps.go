package parity

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// pause is the time between two looks at what has not come yet, and the first between two comparisons,
// which doubles up to longestPause: documents of megabytes are not to be compared all the time.
const (
	pause        = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// settle is how long a step may wait for both servers to reach a state: the real one looks again after a
// minute at the latest.
const settle = 90 * time.Second

func (r *run) steps(ctx context.Context) error {
	for i := range r.scenario.Steps {
		if err := r.step(ctx, i, &r.scenario.Steps[i]); err != nil {
			return fmt.Errorf("%s: step %d: %w", r.scenario.Name, i+1, err)
		}
	}
	return nil
}

func (r *run) step(ctx context.Context, number int, s *Step) error {
	within := s.Within.Duration
	switch {
	case s.Apply != "":
		return r.both(func(side *side) error { return side.apply(ctx, r.scenario.Dir, s.Apply, r.ca) })
	case s.Objects != nil:
		return r.both(func(side *side) error { return side.putInline(ctx, s.Objects, r.ca) })
	case s.Register != nil:
		return r.both(func(side *side) error { return side.registerAll(ctx, s.Register, r.ca) })
	case s.Delete != nil:
		return r.both(func(side *side) error { return side.remove(ctx, s.Delete) })
	case s.Available != nil:
		return r.both(func(side *side) error { return side.waitAvailable(ctx, s.Available, max(within, settle)) })
	case s.Until != nil:
		return r.both(func(side *side) error { return side.waitUntil(ctx, s.Until, max(within, settle)) })
	case s.Script != nil, s.Stop != nil, s.Start != nil:
		return r.both(func(side *side) error { return side.change(ctx, s) })
	case s.Conditions:
		r.result.Requests++
		return r.agree(ctx, "conditions", or(within, r.within()), func(int) ([]Difference, error) { return r.conditions(ctx) })
	case s.Request != nil:
		r.result.Requests++
		return r.agree(ctx, s.Request.Name, or(s.Request.Within.Duration, r.within()), func(attempt int) ([]Difference, error) {
			return r.request(ctx, s.Request, markOf(number, attempt)), nil
		})
	default:
		return fmt.Errorf("it has nothing to do")
	}
}

// within is how long the servers may take to agree where a step does not say.
func (r *run) within() time.Duration { return or(r.scenario.Within.Duration, defaultWithin) }

func (r *run) both(do func(*side) error) error {
	for _, side := range r.sides() {
		if err := do(side); err != nil {
			return fmt.Errorf("%s: %w", side.name, err)
		}
	}
	return nil
}

// agree compares until nothing is left that is not allowed, or the time is over.
func (r *run) agree(ctx context.Context, name string, within time.Duration, compare func(attempt int) ([]Difference, error)) error {
	deadline := time.Now().Add(within)
	between := pause
	for attempt := 0; ; attempt++ {
		found, err := compare(attempt)
		if err != nil {
			return err
		}
		notAllowed, allowed := r.judge(r.name(found, name))
		if len(notAllowed) == 0 || time.Now().After(deadline) {
			for _, i := range allowed {
				r.seen[i] = true
			}
			r.result.NotAllowed = append(r.result.NotAllowed, notAllowed...)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(between):
		}
		between = min(2*between, longestPause)
	}
}

// request sends a request to both sides at once and compares.
func (r *run) request(ctx context.Context, q *Request, mark string) []Difference {
	answers := make(chan answered, 1)
	go func() { answers <- r.real.send(ctx, q, mark, r.ca) }()
	kagg := r.kagg.send(ctx, q, mark, r.ca)
	real := <-answers
	found := compareAnswers(real, kagg, r.real, r.kagg, q)
	for name, a := range map[string]answered{"kube-aggregator": real, "kagg": kagg} {
		if q.Status != 0 && a.status != q.Status {
			found = append(found, Difference{Where: "wanted status at " + name, Real: fmt.Sprint(q.Status), Kagg: fmt.Sprintf("%d %s", a.status, a.failure)})
		}
		if !strings.Contains(string(a.body), q.Contains) {
			found = append(found, Difference{Where: "wanted text at " + name, Real: q.Contains, Kagg: string(a.body)})
		}
	}
	if q.Parse != "" {
		found = append(found, compareReaders(q.Parse, real, kagg)...)
	}
	for i := range found {
		found[i].Target = q.method() + " " + q.Path
	}
	slices.SortStableFunc(found, func(a, b Difference) int { return strings.Compare(a.Where, b.Where) })
	return found
}

// conditions compares the conditions of the APIServices with a service.
func (r *run) conditions(ctx context.Context) ([]Difference, error) {
	texts := [2]map[string]string{}
	for i, side := range r.sides() {
		list, err := side.apiServices(ctx)
		if err != nil {
			return nil, err
		}
		texts[i] = map[string]string{}
		for _, o := range list.Items {
			if service, _, _ := unstructured.NestedMap(o.Object, "spec", "service"); service == nil {
				continue
			}
			conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
			texts[i][o.GetName()] = encoded(normalize(conditions, side.names))
		}
	}
	var found []Difference
	names := slices.Concat(slices.Collect(maps.Keys(texts[0])), slices.Collect(maps.Keys(texts[1])))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if texts[0][name] != texts[1][name] {
			found = append(found, Difference{Where: "conditions of " + name, Real: texts[0][name], Kagg: texts[1][name]})
		}
	}
	return found, nil
}

var apiServiceResource = apiregistrationv1.SchemeGroupVersion.WithResource("apiservices")

func (s *side) apiServices(ctx context.Context) (*unstructured.UnstructuredList, error) {
	return s.client.Resource(apiServiceResource).List(ctx, metav1.ListOptions{})
}

// localAPIServices are those of the local APIs.
func (s *side) localAPIServices(ctx context.Context) ([]apiregistrationv1.APIService, error) {
	list, err := s.apiServices(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]apiregistrationv1.APIService, len(list.Items))
	for i := range list.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// putWhenReady is put for a server that has just been started.
func (s *side) putWhenReady(ctx context.Context, o *unstructured.Unstructured) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, pause, settle, true, func(ctx context.Context) (bool, error) {
		last = s.put(ctx, o.DeepCopy())
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return nil
}

func (s *side) remove(ctx context.Context, names []string) error {
	for _, name := range names {
		parts := strings.Split(name, "/")
		gvk := schema.GroupVersionKind{Version: "v1", Kind: parts[0]}
		switch parts[0] {
		case "apiservice":
			gvk = apiregistrationv1.SchemeGroupVersion.WithKind("APIService")
		case "endpointslice":
			gvk.Group = "discovery.k8s.io"
		}
		namespace := ""
		if len(parts) > 2 {
			namespace = parts[1]
		}
		err := s.resource(gvk, namespace).Delete(ctx, parts[len(parts)-1], metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// waitAvailable waits for the status of conditions.
func (s *side) waitAvailable(ctx context.Context, want map[string]string, within time.Duration) error {
	last := map[string]string{}
	err := wait.PollUntilContextTimeout(ctx, pause, within, true, func(ctx context.Context) (bool, error) {
		list, err := s.apiServices(ctx)
		if err != nil {
			return false, nil //nolint:nilerr // a server that starts; the time is bounded
		}
		for _, o := range list.Items {
			conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
			for _, c := range conditions {
				if c, ok := c.(map[string]any); ok && c["type"] == "Available" {
					last[o.GetName()] = fmt.Sprint(c["status"])
				}
			}
		}
		for name, status := range want {
			if last[name] != status {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for %v: %w; it is %v", want, err, last)
	}
	return nil
}

func (s *side) waitUntil(ctx context.Context, u *Until, within time.Duration) error {
	var last answered
	err := wait.PollUntilContextTimeout(ctx, pause, within, true, func(ctx context.Context) (bool, error) {
		request := &Request{Path: u.Path}
		if u.Accept != "" {
			request.Headers = map[string]Values{"Accept": {u.Accept}}
		}
		last = s.send(ctx, request, "until", nil)
		text := string(last.body)
		return last.status == http.StatusOK && strings.Contains(text, u.Contains) && (u.Lacks == "" || !strings.Contains(text, u.Lacks)), nil
	})
	if err != nil {
		return fmt.Errorf("waiting until %s contains %q and lacks %q: %w; it answers %d %s", u.Path, u.Contains, u.Lacks, err, last.status, clip(string(last.body)))
	}
	return nil
}

// change changes backends as a step says.
func (s *side) change(ctx context.Context, step *Step) error {
	for _, name := range slices.Sorted(maps.Keys(step.Script)) {
		b, err := s.backend(name)
		if err != nil {
			return err
		}
		b.script(step.Script[name])
	}
	for _, name := range step.Stop {
		b, err := s.backend(name)
		if err != nil {
			return err
		}
		b.stop()
	}
	for _, name := range step.Start {
		b, err := s.backend(name)
		if err != nil {
			return err
		}
		if err := b.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *side) backend(name string) (*scriptedBackend, error) {
	if b := s.backends[name]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("there is no backend %q", name)
}

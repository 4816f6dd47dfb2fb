package aggregator

import (
	"context"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/component-base/metrics/legacyregistry"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiregistrationhelper "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/helper"
	apiregistrationclient "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/typed/apiregistration/v1"
	availabilitymetrics "k8s.io/kube-aggregator/pkg/controllers/status/metrics"
)

// availabilityMetrics are the kube-aggregator's own:
// aggregator_unavailable_apiservice and its counter. Metrics are registered once
// in a process, however many aggregators run in it.
var availabilityMetrics = sync.OnceValues(func() (*availabilitymetrics.Metrics, error) {
	m := availabilitymetrics.New()
	return m, m.Register(legacyregistry.Register, legacyregistry.CustomRegister)
})

// statusWriter writes conditions into the APIServices' status, for clients that
// read or wait for them. Handlers never read them there.
type statusWriter struct {
	client  apiregistrationclient.APIServiceInterface
	onFail  func(apiService string, err error)
	metrics *availabilitymetrics.Metrics

	mu      sync.Mutex
	pending map[string]apiregistrationv1.APIServiceCondition
	wake    chan struct{}
}

func newStatusWriter(client apiregistrationclient.APIServiceInterface, onFail func(string, error)) (*statusWriter, error) {
	m, err := availabilityMetrics()
	if err != nil {
		return nil, fmt.Errorf("availability metrics: %w", err)
	}
	return &statusWriter{
		client: client, onFail: onFail, metrics: m,
		pending: map[string]apiregistrationv1.APIServiceCondition{},
		wake:    make(chan struct{}, 1),
	}, nil
}

// enqueue takes the conditions that differ from those of the snapshot before.
// It never blocks; a condition that is not written yet is replaced by a newer.
func (w *statusWriter) enqueue(previous, next *Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if previous != nil {
		for name := range previous.Conditions {
			if _, ok := next.Conditions[name]; !ok {
				w.metrics.ForgetAPIService(name)
			}
		}
	}
	for name, c := range next.Conditions {
		if c.Reason == "" {
			continue
		}
		if previous == nil || previous.Conditions[name] != c || previous.uids[name] != next.uids[name] {
			w.pending[name] = c
		}
	}
	poke(w.wake)
}

// run writes until ctx ends.
func (w *statusWriter) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		for name, c := range w.take() {
			if err := w.write(ctx, name, c); err != nil && ctx.Err() == nil {
				w.onFail(name, err)
			}
		}
	}
}

func (w *statusWriter) take() map[string]apiregistrationv1.APIServiceCondition {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.pending
	w.pending = map[string]apiregistrationv1.APIServiceCondition{}
	return taken
}

func (w *statusWriter) write(ctx context.Context, name string, c apiregistrationv1.APIServiceCondition) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		a, err := w.client.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		next := a.DeepCopy()
		c.LastTransitionTime = metav1.Now()
		apiregistrationhelper.SetAPIServiceCondition(next, c)
		w.metrics.SetUnavailableGauge(next)
		if _, err = w.client.UpdateStatus(ctx, next, metav1.UpdateOptions{}); err == nil {
			w.metrics.SetUnavailableCounter(a, next)
		}
		return err
	})
	if apierrors.IsNotFound(err) {
		w.metrics.ForgetAPIService(name)
		return nil
	}
	return err
}

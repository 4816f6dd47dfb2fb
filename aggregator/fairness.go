package aggregator

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/server/mux"
	apistorage "k8s.io/apiserver/pkg/storage"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
	flowcontrolrequest "k8s.io/apiserver/pkg/util/flowcontrol/request"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	flowcontrolclient "k8s.io/client-go/kubernetes/typed/flowcontrol/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// fairness is API priority and fairness: it queues and refuses requests as the
// FlowSchemas and PriorityLevelConfigurations of the local APIs say. A nil
// fairness is none.
type fairness struct {
	controller utilflowcontrol.Interface
	informers  informers.SharedInformerFactory
	client     flowcontrolclient.FlowcontrolV1Interface
	// counts are how many objects there are of each resource: what a list costs.
	counts flowcontrolrequest.StorageObjectCountTracker
	count  func(context.Context) map[string]apistorage.Stats
	ready  atomic.Bool
}

// newFairness makes it from the local APIs: config is a client of theirs, count
// counts their objects. The concurrency that levels share is the sum of both
// limits, as in k8s.io/apiserver (pkg/server/options/feature.go).
func newFairness(o *Observability, config *rest.Config, count func(context.Context) map[string]apistorage.Stats) (*fairness, error) {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	const noResync = time.Duration(0)
	f := &fairness{
		informers: informers.NewSharedInformerFactory(client, noResync),
		client:    client.FlowcontrolV1(),
		counts:    flowcontrolrequest.NewStorageObjectCountTracker(),
		count:     count,
	}
	f.controller = utilflowcontrol.New(f.informers, f.client, o.maxRequests()+o.maxMutatingRequests())
	return f, nil
}

// wrap is the filter; patience is how long a request may wait in a queue.
func (f *fairness) wrap(h http.Handler, patience time.Duration) http.Handler {
	estimate := flowcontrolrequest.NewWorkEstimator(f.counts.Get, f.controller.GetInterestedWatchCount,
		flowcontrolrequest.DefaultWorkEstimatorConfig(), f.controller.GetMaxSeats)
	return genericfilters.WithPriorityAndFairness(h, longRunning, f.controller, estimate, patience)
}

const (
	// countPeriod is how often objects are counted (k8s.io/apiserver
	// pkg/server/options/etcd.go, count-metric-poll-period).
	countPeriod = time.Minute
	// ensurePeriod is how often the bootstrap configuration is put right, and
	// ensureRetry how soon after a failure (k8s.io/kubernetes
	// pkg/registry/flowcontrol/rest/storage_flowcontrol.go).
	ensurePeriod = time.Minute
	ensureRetry  = time.Second
)

// run follows the configuration until ctx ends, and leaves nothing running.
func (f *fairness) run(ctx context.Context) {
	f.informers.Start(ctx.Done())
	defer f.informers.Shutdown()
	genericfilters.StartPriorityAndFairnessWatermarkMaintenance(ctx.Done())
	var parts sync.WaitGroup
	defer parts.Wait()
	parts.Go(func() {
		if err := f.controller.Run(ctx.Done()); err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "priority and fairness does not follow its configuration")
		}
	})
	parts.Go(func() { f.counts.RunUntil(ctx.Done()) })
	parts.Go(func() { f.keepCounting(ctx) })
	f.keepBootstrap(ctx)
}

func (f *fairness) keepCounting(ctx context.Context) {
	for {
		for resource, stats := range f.count(ctx) {
			f.counts.Set(resource, stats)
		}
		if !pause(ctx, countPeriod) {
			return
		}
	}
}

// keepBootstrap puts the bootstrap configuration right, at once and again and
// again: someone may delete it.
func (f *fairness) keepBootstrap(ctx context.Context) {
	flow := f.informers.Flowcontrol().V1()
	levels, schemas := flow.PriorityLevelConfigurations(), flow.FlowSchemas()
	if !cache.WaitFor(ctx, "", levels.Informer().HasSyncedChecker(), schemas.Informer().HasSyncedChecker()) {
		return
	}
	for {
		wait := ensurePeriod
		if err := ensureFlowConfiguration(ctx, f.client, levels.Lister(), schemas.Lister()); err != nil {
			wait = ensureRetry
			klog.V(2).InfoS("The bootstrap configuration of priority and fairness is tried again", "err", err)
		} else {
			f.ready.Store(true)
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// pause waits, and tells whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// checks are those of /readyz and /healthz, under the kube-apiserver's name.
func (f *fairness) checks() []healthz.HealthChecker {
	if f == nil {
		return nil
	}
	return []healthz.HealthChecker{healthz.NamedCheck("poststarthook/priority-and-fairness-config-producer", func(*http.Request) error {
		if !f.ready.Load() {
			return errors.New("not finished")
		}
		return nil
	})}
}

// debug serves /debug/api_priority_and_fairness before next, and returns its paths.
func (f *fairness) debug(next http.Handler) (http.Handler, []string) {
	if f == nil {
		return next, nil
	}
	m := mux.NewPathRecorderMux("priority-and-fairness")
	f.controller.Install(m)
	m.NotFoundHandler(next)
	return m, m.ListedPaths()
}

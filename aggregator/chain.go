package aggregator

import (
	"context"
	"net/http"
	"runtime/debug"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/filterlatency"
	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/filters/impersonation"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericfeatures "k8s.io/apiserver/pkg/features"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/tracing"
	"k8s.io/klog/v2"
)

// chain is what the handler chain is made of.
type chain struct {
	authentication *authentication
	authorizer     authorizer.Authorizer
	codecs         runtime.NegotiatedSerializer
	requestInfo    apirequest.RequestInfoResolver
	// stopping ends when kagg does: long-running requests end with it.
	stopping context.Context //nolint:containedctx // it outlives every request and belongs to the server
	// limits are those that the flags give; the zero value is the defaults.
	limits Observability
	// audit, tracer and fairness are nil unless asked for.
	audit    *auditing
	tracer   tracing.TracerProvider
	fairness *fairness
	// prompt tells the requests whose handler surely ends when their context does;
	// nil for none.
	prompt func(*http.Request) bool
}

// filter is one step of the chain.
type filter struct {
	name string
	wrap func(http.Handler) http.Handler
}

// handler wraps h in the filters that every request passes.
func (c chain) handler(h http.Handler) http.Handler {
	for _, f := range slices.Backward(c.filters()) {
		h = f.wrap(h)
	}
	return h
}

// filters are, the outermost first, so in the order in which a request meets them:
//
//	audit id             Audit-Id of the answer, and towards backends
//	panic recovery       500, and the stack in the log
//	received time        for audit and latency
//	request info         verb, resource, path
//	latency trackers     with audit: where a slow request spent its time
//	access log           at -v=3 and above
//	HSTS                 with --strict-transport-security-directives
//	cache control        answers are private unless a handler says otherwise
//	goaway               with --goaway-chance: makes HTTP/2 clients connect anew
//	stop                 ends long-running requests when kagg stops
//	deadline             the request's own ?timeout=
//	timeout              504 after --request-timeout, for what is not long-running
//	warnings             the Warning header
//	authentication       401; removes Authorization and X-Remote-* headers
//	tracing              with --tracing-config-file: a span for each request
//	audit                with --audit-policy-file: an event for each stage
//	impersonation        403
//	in-flight limit      429; or, with --enable-priority-and-fairness, that
//	authorization        403
//
// The order is that of k8s.io/apiserver (pkg/server/config.go,
// DefaultBuildHandlerChain). What no flag asks for is not on the path: neither
// that, nor the measuring of each filter, which comes with tracing. Where no flag
// asks for anything, the entrance does what those down to the warnings do.
func (c chain) filters() []filter {
	if c.asksForNothing() {
		return append([]filter{{"entrance", c.withEntrance}}, c.userFilters()...)
	}
	return append(c.outerFilters(), c.userFilters()...)
}

// asksForNothing tells whether no flag adds to the chain.
func (c chain) asksForNothing() bool {
	return c.audit == nil && c.tracer == nil && c.fairness == nil && !klog.V(3).Enabled() &&
		len(c.limits.StrictTransportSecurity) == 0 && c.limits.GoawayChance == 0
}

// outerFilters are those up to the one that learns who asks, one by one.
func (c chain) outerFilters() []filter {
	list := []filter{
		{"audit id", genericapifilters.WithAuditInit},
		{"panic recovery", withPanicRecovery},
		{"received time", genericapifilters.WithRequestReceivedTimestamp},
		{"request info", func(h http.Handler) http.Handler { return genericapifilters.WithRequestInfo(h, c.requestInfo) }},
	}
	if c.audit != nil {
		list = append(list, filter{"latency trackers", genericapifilters.WithLatencyTrackers})
	}
	if klog.V(3).Enabled() {
		list = append(list, filter{"access log", genericfilters.WithHTTPLogging})
	}
	if directives := c.limits.StrictTransportSecurity; len(directives) > 0 {
		list = append(list, filter{"HSTS", func(h http.Handler) http.Handler { return genericfilters.WithHSTS(h, directives) }})
	}
	list = append(list, filter{"cache control", genericapifilters.WithCacheControl})
	if chance := c.limits.GoawayChance; chance > 0 {
		list = append(list, filter{"goaway", func(h http.Handler) http.Handler { return genericfilters.WithProbabilisticGoaway(h, chance) }})
	}
	return append(list,
		filter{"stop", c.withStop},
		filter{"deadline", func(h http.Handler) http.Handler {
			return genericapifilters.WithRequestDeadline(h, c.audit.sink(), c.audit.evaluator(), longRunning, c.codecs, c.limits.requestTimeout())
		}},
		filter{"timeout", func(h http.Handler) http.Handler {
			return genericfilters.WithTimeoutForNonLongRunningRequests(h, longRunning)
		}},
		filter{"warnings", genericapifilters.WithWarningRecorder},
	)
}

// userFilters are those from the one on that learns who asks.
func (c chain) userFilters() []filter {
	list := []filter{c.measured("authentication", c.withAuthentication)}
	if c.tracer != nil {
		// Behind authentication, so that who asks decides whether a client's trace is continued.
		list = append(list, filter{"tracing", func(h http.Handler) http.Handler { return genericapifilters.WithTracing(h, c.tracer) }})
	}
	if c.audit != nil {
		list = append(list, c.measured("audit", func(h http.Handler) http.Handler {
			return genericapifilters.WithAudit(h, c.audit.sink(), c.audit.evaluator(), longRunning)
		}))
	}
	impersonationName := "impersonation"
	if utilfeature.DefaultFeatureGate.Enabled(genericfeatures.ConstrainedImpersonation) {
		impersonationName = "constrainedimpersonation"
	}
	list = append(list, c.measured(impersonationName, c.withImpersonation))
	if c.fairness != nil {
		list = append(list, c.measured("priorityandfairness", func(h http.Handler) http.Handler {
			return c.fairness.wrap(h, c.limits.requestTimeout()/4)
		}))
	} else {
		list = append(list, filter{"in-flight limit", func(h http.Handler) http.Handler {
			return genericfilters.WithMaxInFlightLimit(h, c.limits.maxRequests(), c.limits.maxMutatingRequests(), longRunning)
		}})
	}
	return append(list, c.measured("authorization", func(h http.Handler) http.Handler {
		return genericapifilters.WithAuthorization(h, c.authorizer, c.codecs)
	}))
}

// measured is a filter that has, where requests are traced, a span of its own
// and its part in the filters' latency metric, under upstream's name.
func (c chain) measured(name string, wrap func(http.Handler) http.Handler) filter {
	if c.tracer == nil {
		return filter{name, wrap}
	}
	return filter{name, func(h http.Handler) http.Handler {
		return filterlatency.TrackStarted(wrap(filterlatency.TrackCompleted(h)), c.tracer, name)
	}}
}

func (c chain) withAuthentication(h http.Handler) http.Handler {
	failed := genericapifilters.Unauthorized(c.codecs)
	failed = genericapifilters.WithFailedAuthenticationAudit(failed, c.audit.sink(), c.audit.evaluator())
	if c.tracer != nil {
		failed = filterlatency.TrackCompleted(failed)
	}
	return genericapifilters.WithAuthentication(h, c.authentication.request, failed, c.authentication.audiences, c.authentication.headers)
}

// withPanicRecovery answers 500 for a request whose handler panics. Unlike
// genericfilters.WithPanicRecovery it is silent about http.ErrAbortHandler, with
// which every watch ends whose backend leaves.
func withPanicRecovery(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer answerPanic(w, req)
		h.ServeHTTP(w, req)
	})
}

// answerPanic is to be deferred.
func answerPanic(w http.ResponseWriter, req *http.Request) {
	switch r := recover(); r {
	case nil:
	case http.ErrAbortHandler:
		panic(r)
	default:
		klog.ErrorS(nil, "a handler panicked", "method", req.Method, "path", req.URL.Path, "panic", r, "stack", string(debug.Stack()))
		http.Error(w, "This request caused apiserver to panic. Look in the logs for details.", http.StatusInternalServerError)
	}
}

func (c chain) withImpersonation(h http.Handler) http.Handler {
	if utilfeature.DefaultFeatureGate.Enabled(genericfeatures.ConstrainedImpersonation) {
		return impersonation.WithConstrainedImpersonation(h, c.authorizer, c.codecs)
	}
	return impersonation.WithImpersonation(h, c.authorizer, c.codecs)
}

// withStop ends long-running requests when kagg stops, so that a watch does not
// hold the stop up; the others may finish.
func (c chain) withStop(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		info, ok := apirequest.RequestInfoFrom(req.Context())
		if !ok || !longRunning(req, info) {
			h.ServeHTTP(w, req)
			return
		}
		ctx, cancel := context.WithCancel(req.Context())
		defer cancel()
		defer context.AfterFunc(c.stopping, cancel)()
		h.ServeHTTP(w, req.WithContext(ctx))
	})
}

// longRunning tells the requests that have no deadline, as a kube-apiserver
// does (k8s.io/kubernetes cmd/kube-apiserver).
var longRunning = genericfilters.BasicLongRunningRequestCheck(
	sets.NewString("watch", "proxy"),
	sets.NewString("attach", "exec", "proxy", "log", "portforward"),
)

// newRequestInfoResolver knows /api and /apis.
func newRequestInfoResolver() apirequest.RequestInfoResolver {
	return &apirequest.RequestInfoFactory{
		APIPrefixes:          sets.NewString("api", "apis"),
		GrouplessAPIPrefixes: sets.NewString("api"),
	}
}

package aggregator

import (
	"context"
	"net/http"
	"runtime/debug"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/filters/impersonation"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericfeatures "k8s.io/apiserver/pkg/features"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/klog/v2"
)

const (
	// requestTimeout is how long a request may take that is not long-running.
	requestTimeout = time.Minute
	// The most requests that are served at once, as a kube-apiserver has it.
	maxRequestsInFlight         = 400
	maxMutatingRequestsInFlight = 200
)

// chain is what the handler chain is made of.
type chain struct {
	authentication *authentication
	authorizer     authorizer.Authorizer
	codecs         runtime.NegotiatedSerializer
	requestInfo    apirequest.RequestInfoResolver
	// stopping ends when kagg does: long-running requests end with it.
	stopping context.Context //nolint:containedctx // it outlives every request and belongs to the server
}

// handler wraps h in the filters that every request passes, the outermost last
// in this list, so first to see it:
//
//	authorization        403
//	in-flight limit      429
//	impersonation        403
//	authentication       401; removes Authorization and X-Remote-* headers
//	warnings             the Warning header
//	timeout              504 after a minute, for what is not long-running
//	deadline             the request's own ?timeout=
//	stop                 ends long-running requests when kagg stops
//	cache control        answers are private unless a handler says otherwise
//	access log           at -v=3 and above
//	request info         verb, resource, path
//	received time        for audit and latency
//	panic recovery       500, and the stack in the log
//	audit id             Audit-Id of the answer, and towards backends
//
// The order is that of k8s.io/apiserver (pkg/server/config.go,
// DefaultBuildHandlerChain); tracing, metrics labels, audit, and priority and
// fairness are not on the path.
func (c chain) handler(h http.Handler) http.Handler {
	h = genericapifilters.WithAuthorization(h, c.authorizer, c.codecs)
	h = genericfilters.WithMaxInFlightLimit(h, maxRequestsInFlight, maxMutatingRequestsInFlight, longRunning)
	h = c.withImpersonation(h)
	h = genericapifilters.WithAuthentication(h, c.authentication.request, genericapifilters.Unauthorized(c.codecs), c.authentication.audiences, c.authentication.headers)
	h = genericapifilters.WithWarningRecorder(h)
	h = genericfilters.WithTimeoutForNonLongRunningRequests(h, longRunning)
	h = genericapifilters.WithRequestDeadline(h, nil, nil, longRunning, c.codecs, requestTimeout)
	h = c.withStop(h)
	h = genericapifilters.WithCacheControl(h)
	if klog.V(3).Enabled() {
		h = genericfilters.WithHTTPLogging(h)
	}
	h = genericapifilters.WithRequestInfo(h, c.requestInfo)
	h = genericapifilters.WithRequestReceivedTimestamp(h)
	h = withPanicRecovery(h)
	return genericapifilters.WithAuditInit(h)
}

// withPanicRecovery answers 500 for a request whose handler panics. Unlike
// genericfilters.WithPanicRecovery it is silent about http.ErrAbortHandler, with
// which every watch ends whose backend leaves.
func withPanicRecovery(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer func() {
			switch r := recover(); r {
			case nil:
			case http.ErrAbortHandler:
				panic(r)
			default:
				klog.ErrorS(nil, "a handler panicked", "method", req.Method, "path", req.URL.Path, "panic", r, "stack", string(debug.Stack()))
				http.Error(w, "This request caused apiserver to panic. Look in the logs for details.", http.StatusInternalServerError)
			}
		}()
		h.ServeHTTP(w, req)
	})
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

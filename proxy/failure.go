package proxy

import (
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	endpointmetrics "k8s.io/apiserver/pkg/endpoints/metrics"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

// failure is an answer that comes from here and not from the backend.
type failure struct {
	// rule is one of the Refusal constants; "" where the backend was asked.
	rule   string
	code   int32
	reason metav1.StatusReason
	// upstream is the kube-aggregator's body.
	upstream string
	// message is ours.
	message string
}

const serviceUnavailable = "service unavailable"

func notAvailable(t *Target) failure {
	message := t.Unavailable
	if message == "" {
		message = fmt.Sprintf("APIService %s is not available", t.APIService)
	}
	return failure{
		rule: RefusalUnavailable, code: http.StatusServiceUnavailable, reason: metav1.StatusReasonServiceUnavailable,
		upstream: serviceUnavailable, message: message,
	}
}

func noTransport(t *Target) failure {
	err := t.TransportErr
	return failure{
		rule: RefusalTransport, code: http.StatusInternalServerError, reason: metav1.StatusReasonInternalError,
		upstream: err.Error(),
		message: fmt.Sprintf("APIService %s: no connection to its backend can be made: %v; check its caBundle and insecureSkipTLSVerify, and the front-proxy client certificate",
			t.APIService, err),
	}
}

func noUser(t *Target) failure {
	const missing = "missing user"
	return failure{
		rule: RefusalUser, code: http.StatusInternalServerError, reason: metav1.StatusReasonInternalError,
		upstream: missing, message: fmt.Sprintf("APIService %s: %s: the request was not authenticated", t.APIService, missing),
	}
}

func notResolved(t *Target) failure {
	why := "no address"
	var resolveErr *ResolveError
	switch {
	case errors.As(t.ResolveErr, &resolveErr):
		why = resolveErr.Explain()
	case t.ResolveErr != nil:
		why = t.ResolveErr.Error()
	}
	return failure{
		rule: RefusalAddress, code: http.StatusServiceUnavailable, reason: metav1.StatusReasonServiceUnavailable,
		upstream: serviceUnavailable, message: fmt.Sprintf("APIService %s: its service has no address: %s", t.APIService, why),
	}
}

// failure says what became of the exchange. err is what the client of a kube-aggregator would read.
func (x *exchange) failure(err error) failure {
	f := failure{
		code: http.StatusServiceUnavailable, reason: metav1.StatusReasonServiceUnavailable, upstream: err.Error(),
	}
	about := fmt.Sprintf("APIService %s: backend https://%s (by %s)", x.target.APIService, x.host, x.target.Resolution.Rule)
	var redirect *redirectError
	switch {
	case errors.As(err, &redirect):
		f.code, f.reason, f.upstream = http.StatusBadGateway, metav1.StatusReasonUnknown, redirectRefused
		f.message = about + ": " + redirect.Error()
	case x.err != nil:
		f.message = about + " did not answer: " + x.err.Error() + hint(x.err)
	default:
		f.message = about + ": " + err.Error()
	}
	return f
}

// refuse answers a request that is not sent to any backend, and counts it as the kube-aggregator does.
func (h *Handler) refuse(w http.ResponseWriter, req *http.Request, f failure) {
	h.answer(w, req, f)
	if info, ok := genericapirequest.RequestInfoFrom(req.Context()); ok {
		endpointmetrics.RecordRequestTermination(req, info, "aggregator", int(f.code))
	}
}

func (h *Handler) answer(w http.ResponseWriter, req *http.Request, f failure) {
	if h.options.UpstreamErrors {
		if f.code == http.StatusBadGateway {
			// Upstream swaps the refused answer for one without a header or a line's end.
			w.WriteHeader(int(f.code))
			_, _ = w.Write([]byte(f.upstream)) // a client that is gone reads no error
			return
		}
		http.Error(w, f.upstream, int(f.code))
		return
	}
	responsewriters.ErrorNegotiated(&apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: f.code, Reason: f.reason, Message: f.message,
	}}, statusCodecs, schema.GroupVersion{Version: "v1"}, w, req)
}

// statusCodecs encode a metav1.Status in every form that a client of an API server may ask for.
var statusCodecs = serializer.NewCodecFactory(statusScheme())

func statusScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	v1 := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(scheme, v1)
	scheme.AddUnversionedTypes(v1, &metav1.Status{})
	return scheme
}

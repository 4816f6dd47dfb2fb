package aggregator

import (
	"fmt"
	"net/http"
	"sync"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/proxy"
)

// mend says what usually makes an APIService available that is not, as a
// sentence without its full stop; "" where nothing is known. probed is what the
// newest probe's error hints at. Conditions keep to the kube-aggregator's words:
// this stands beside them, in kagg's log and in refused requests.
func mend(ref *apiregistrationv1.ServiceReference, reason, probed string) string {
	if ref == nil {
		return ""
	}
	byHand := fmt.Sprintf("give its address with --endpoint %s/%s=HOST:PORT or the annotation %s", ref.Namespace, ref.Name, proxy.EndpointAnnotation)
	switch reason {
	case availability.ReasonServiceNotFound:
		return fmt.Sprintf("write the Service %s in namespace %s, or %s", ref.Name, ref.Namespace, byHand)
	case availability.ReasonServicePortError:
		return fmt.Sprintf("add port %d to the Service, or name one of its ports in spec.service.port", availability.Port(ref))
	case availability.ReasonEndpointsNotFound:
		return fmt.Sprintf("write an EndpointSlice with the label kubernetes.io/service-name: %s, or %s", ref.Name, byHand)
	case availability.ReasonMissingEndpoints:
		return "an EndpointSlice of the Service needs a ready endpoint and a port of that name"
	case availability.ReasonFailedDiscoveryCheck:
		return probed
	}
	return ""
}

// lastError passes requests on and keeps the newest error, which knows more than
// its text, or that the backend refused who asks. It is for one probe; safe for
// concurrent use.
type lastError struct {
	http.RoundTripper
	mu      sync.Mutex
	err     error
	refused bool
}

// RoundTrip sends one request.
func (l *lastError) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(req)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	l.refused = err == nil && (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden)
	return resp, err
}

// hint says what usually mends the newest error; "" for none.
func (l *lastError) hint() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused {
		return "the backend does not believe who asks: it has to read the ConfigMap kube-system/extension-apiserver-authentication, " +
			"or be given the front-proxy CA with --requestheader-client-ca-file"
	}
	if l.err == nil {
		return ""
	}
	return proxy.Hint(l.err)
}

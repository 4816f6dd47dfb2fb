package delegate

import (
	"net/http"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/internal/inprocess"
)

// newClientConfig is a client of the delegate itself, with every right.
func (s *Server) newClientConfig() *rest.Config {
	return InProcess(s.Handler(), &user.DefaultInfo{
		Name:   user.APIServerUser,
		Groups: []string{user.SystemPrivilegedGroup, user.AllAuthenticated},
	})
}

// InProcess returns the configuration of a client whose requests h serves without a socket, as the given
// user. It puts before h what the aggregator's chain would (request info, user, audit id, warnings), and
// nothing else: no authentication, no authorization. Safe for concurrent use if h is.
func InProcess(h http.Handler, as user.Info) *rest.Config {
	served := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(request.WithUser(r.Context(), as)))
	}))
	served = filters.WithWarningRecorder(served)
	served = filters.WithRequestInfo(served, genericapiserver.NewRequestInfoResolver(&genericapiserver.Config{
		LegacyAPIGroupPrefixes: sets.NewString(genericapiserver.DefaultLegacyAPIPrefix),
	}))
	served = filters.WithRequestReceivedTimestamp(served)
	served = filters.WithAuditInit(served)
	return &rest.Config{
		Host:      "http://local-apis.invalid", // never resolved
		Transport: inprocess.RoundTripper(served),
		UserAgent: "kagg-local-apis",
		QPS:       -1,
	}
}

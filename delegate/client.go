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

// newClientConfig puts before the handler what the aggregator's chain would, and nothing else.
func (s *Server) newClientConfig() *rest.Config {
	self := &user.DefaultInfo{
		Name:   user.APIServerUser,
		Groups: []string{user.SystemPrivilegedGroup, user.AllAuthenticated},
	}
	api := s.Handler()
	h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.ServeHTTP(w, r.WithContext(request.WithUser(r.Context(), self)))
	}))
	h = filters.WithWarningRecorder(h)
	h = filters.WithRequestInfo(h, genericapiserver.NewRequestInfoResolver(&genericapiserver.Config{
		LegacyAPIGroupPrefixes: sets.NewString(genericapiserver.DefaultLegacyAPIPrefix),
	}))
	h = filters.WithRequestReceivedTimestamp(h)
	h = filters.WithAuditInit(h)
	return &rest.Config{
		Host:      "http://local-apis.invalid", // never resolved
		Transport: inprocess.RoundTripper(h),
		UserAgent: "kagg-local-apis",
		QPS:       -1,
	}
}

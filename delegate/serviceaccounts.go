package delegate

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/klog/v2"

	"github.com/kagg-project/kagg/delegate/serviceaccount"
)

// installServiceAccounts adds what ServiceAccounts can do to the resources of the core group.
func (s *Server) installServiceAccounts(core map[string]rest.Storage) {
	objects := serviceaccount.Objects{
		ServiceAccounts: s.core("serviceaccounts"), Secrets: s.core("secrets"),
		ConfigMaps: s.core("configmaps"), Namespaces: s.core("namespaces"),
		Pods: s.core("pods"), Nodes: s.core("nodes"),
	}
	s.accounts = serviceaccount.NewController(s.config.ServiceAccounts, objects, s.publishedRootCA)
	// A namespace has its ServiceAccount when its creation is answered, so that nobody has to wait for it.
	s.core("namespaces").AfterCreate = s.provide
	if s.config.ServiceAccounts == nil {
		return
	}
	s.config.ServiceAccounts.Bind(objects)
	core["serviceaccounts/token"] = serviceaccount.NewREST(s.config.ServiceAccounts, objects)
}

// provide gives a new namespace what it has in a cluster. What fails here is tried again by the controller.
func (s *Server) provide(obj runtime.Object, options *metav1.CreateOptions) {
	if options != nil && len(options.DryRun) > 0 {
		return
	}
	name := metaOf(obj).GetName()
	if err := s.accounts.Provide(context.Background(), name); err != nil {
		klog.V(2).InfoS("A namespace has not got its ServiceAccount yet", "namespace", name, "reason", err.Error())
	}
}

// serveIssuer serves what others verify tokens with, where the issuer's name allows it.
func (s *Server) serveIssuer() (served bool) {
	if s.config.ServiceAccounts == nil {
		return false
	}
	services, err := s.config.ServiceAccounts.WebServices(s.config.ExternalAddress)
	if err != nil {
		klog.InfoS("The ServiceAccount issuer has no OpenID Connect discovery: name an https URL with --service-account-issuer", "reason", err.Error())
		return false
	}
	for _, ws := range services {
		s.generic.Handler.GoRestfulContainer.Add(ws)
	}
	return true
}

// PublishRootCA has every namespace take what Config.RootCA returns now, soon. It is what a change of the
// serving certificate calls.
func (s *Server) PublishRootCA(ctx context.Context) error { return s.accounts.RootCAChanged(ctx) }

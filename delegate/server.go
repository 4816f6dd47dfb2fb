package delegate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/registry/generic"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/compatibility"

	"github.com/kagg-project/kagg/delegate/serviceaccount"
)

// Config is what a [Server] is made of.
type Config struct {
	// RESTOptionsGetter gives the storage of each resource. It must be able to encode with what
	// [StorageCodec] returns. Required.
	RESTOptionsGetter generic.RESTOptionsGetter

	// SharedStorage tells that other servers keep their objects in the same storage: what each publishes of
	// itself is added to what is there, and the others' deleted namespaces are finished too. Default: false.
	SharedStorage bool

	// Authorizer answers SubjectAccessReviews and their kin, and the second check of a PUT that creates.
	// If it is also an [authorizer.RuleResolver], SelfSubjectRulesReviews list its rules. Required.
	Authorizer authorizer.UnconditionalAuthorizer

	// Denied is told what a SubjectAccessReview or a LocalSubjectAccessReview did not allow: custom apiservers
	// ask by them about requests. It must not block. Default: nobody is told.
	Denied func(authorizer.Attributes)

	// Authenticator answers TokenReviews: it is asked about a request that has nothing but the token. It is
	// to be what authenticates the requests themselves. Nil: no token is good.
	Authenticator authenticator.Request

	// ServiceAccounts are the tokens of ServiceAccounts: TokenRequests are answered with them, and the
	// server hands its objects to them. Nil: there are none, and no serviceaccounts/token.
	ServiceAccounts *serviceaccount.Tokens

	// RootCA returns the PEM certificates that verify the server for clients; they are in the ConfigMap
	// kube-root-ca.crt of every namespace, and in Secrets beside tokens. Nil: there are none.
	RootCA func() []byte

	// ExternalAddress is where clients reach the server, as "host:port"; the host of an IPv6 address is in
	// brackets. It is only a name, in the serverAddressByClientCIDRs of /api and /apis. Default:
	// "127.0.0.1:443".
	ExternalAddress string

	// APIAudiences are the audiences of a TokenReview that names none. Default: none, any token is good.
	APIAudiences authenticator.Audiences

	// Version is what /version answers and what the OpenAPI documents are named after. Required.
	Version *version.Info

	// AuthenticationConfig returns the data of the ConfigMap kube-system/extension-apiserver-authentication.
	// It is called by Start. Nil: the ConfigMap has no data.
	AuthenticationConfig func() map[string]string

	// EmptyNamespace is called when a namespace is deleted, to delete what other servers keep in it; some
	// of the delegate's own objects may still be there, with finalizers. The namespace stays, and the call
	// is repeated with pauses that grow to five seconds, until it leaves nothing; what it leaves is shown in
	// the namespace's conditions. It may be called several times for one namespace. Default: nothing.
	EmptyNamespace func(ctx context.Context, namespace string) Remains

	// MinRequestTimeout is the shortest time that a watch without a timeout of its own lasts; the longest is
	// twice that. Default: 30 minutes; negative: it lasts until its client leaves.
	MinRequestTimeout time.Duration

	// NotFound answers the paths that the delegate does not serve: the next in the chain. Default: 404.
	NotFound http.Handler
}

// defaultAddress is what discovery names where nobody says how clients reach the server.
const defaultAddress = "127.0.0.1:443"

// complete fills the defaults and finds what is missing.
func (c *Config) complete() error {
	switch {
	case c.RESTOptionsGetter == nil:
		return errors.New("the delegate has no storage: set Config.RESTOptionsGetter")
	case c.Authorizer == nil:
		return errors.New("the delegate has no authorizer: set Config.Authorizer")
	case c.Version == nil:
		return errors.New("the delegate has no version: set Config.Version")
	}
	if c.ExternalAddress == "" {
		c.ExternalAddress = defaultAddress
	}
	if _, _, err := net.SplitHostPort(c.ExternalAddress); err != nil {
		return fmt.Errorf("the delegate's address %q is not a host and a port: set Config.ExternalAddress to one like %q: %w",
			c.ExternalAddress, defaultAddress, err)
	}
	if c.AuthenticationConfig == nil {
		c.AuthenticationConfig = func() map[string]string { return nil }
	}
	if c.RootCA == nil {
		c.RootCA = func() []byte { return nil }
	}
	if c.Denied == nil {
		c.Denied = func(authorizer.Attributes) {}
	}
	if c.MinRequestTimeout == 0 {
		c.MinRequestTimeout = minWatch
	}
	if c.NotFound == nil {
		c.NotFound = http.NotFoundHandler()
	}
	return nil
}

// Server serves the local APIs. Its methods are safe for concurrent use.
type Server struct {
	config     Config
	generic    *genericapiserver.GenericAPIServer
	stores     map[string]*store // by "resource.group"
	routes     *routes
	kinds      []Kind
	terminator *terminator
	accounts   *serviceaccount.Controller
	admission  admission.Interface
	client     *rest.Config
	documents  *documents
}

// servedVersion shows Config.Version where the library would show its own.
type servedVersion struct {
	compatibility.EffectiveVersion
	info *version.Info
}

// Info implements compatibility.EffectiveVersion.
func (v servedVersion) Info() *version.Info { return v.info }

// New builds the server and its stores, without I/O beyond what opening the storage takes.
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s := &Server{config: cfg, stores: map[string]*store{}, terminator: newTerminator(cfg.EmptyNamespace)}
	if err := s.openStores(); err != nil {
		return nil, err
	}
	c := genericapiserver.NewConfig(Codecs)
	c.BuildHandlerChainFunc = func(api http.Handler, _ *genericapiserver.Config) http.Handler { return api }
	c.ExternalAddress = cfg.ExternalAddress
	c.EffectiveVersion = servedVersion{compatibility.NewEffectiveVersionFromString(libraryVersion, "", ""), cfg.Version}
	c.LoopbackClientConfig = &rest.Config{}
	s.admission = s.newAdmission()
	c.EnableMetrics, c.EnableProfiling = false, false
	c.RESTOptionsGetter = cfg.RESTOptionsGetter
	server, err := c.Complete(nil).New("local-apis", genericapiserver.NewEmptyDelegateWithCustomHandler(cfg.NotFound))
	if err != nil {
		return nil, fmt.Errorf("building the server of the local APIs: %w", err)
	}
	s.generic = server
	issues := s.serveIssuer()
	s.routes = newRoutes(server.Handler.GoRestfulContainer, server.Handler.Director)
	s.documents = newDocuments(cfg.Version, s.routes.services, issues)
	if err := s.installGroups(); err != nil {
		return nil, err
	}
	if err := s.documents.install(server.Handler.NonGoRestfulMux); err != nil {
		return nil, err
	}
	s.client = s.newClientConfig()
	return s, nil
}

// libraryVersion is the version of the Kubernetes libraries, which decides about feature gates.
const libraryVersion = "1.37"

// core returns the store of a resource of the core group.
func (s *Server) core(resource string) *store { return s.stores[corev1.Resource(resource).String()] }

// Handler serves the local APIs to requests that were authenticated and authorized before: their context
// has the request info, the user and, if there is one, the audit event, as k8s.io/apiserver's filters set
// them. What it does not serve goes to Config.NotFound.
func (s *Server) Handler() http.Handler { return s.routes }

// ListedPaths are the paths that the delegate serves, sorted, for the index at /.
func (s *Server) ListedPaths() []string {
	paths := slices.Concat(s.generic.Handler.ListedPaths(), s.routes.listedPaths())
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Kinds lists what is served, in the order of the groups in /apis, then by resource.
func (s *Server) Kinds() []Kind { return slices.Clone(s.kinds) }

// ClientConfig is for a client that calls the server in this process as system:apiserver, a member of
// system:masters, without a limit on its rate. The caller may change the returned copy.
func (s *Server) ClientConfig() *rest.Config { return rest.CopyConfig(s.client) }

// Start creates the objects that every cluster has and returns when they exist. Until ctx ends, deleted
// namespaces are emptied and removed. It is called once.
func (s *Server) Start(ctx context.Context) error {
	if err := s.bootstrap(ctx); err != nil {
		return err
	}
	if err := s.terminator.resume(ctx); err != nil {
		return err
	}
	for range terminators {
		go s.terminator.run(ctx)
	}
	go s.accounts.Run(ctx)
	if s.config.SharedStorage {
		return s.followShared(ctx)
	}
	return nil
}

package orchard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/util/compatibility"
	restclient "k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/internal/demo/orchard/hub"
	orchardopenapi "github.com/kagg-project/kagg/internal/demo/orchard/openapi"
	"github.com/kagg-project/kagg/internal/demo/orchard/v1"
)

// shutdownTimeout is how long open watches may hold up the end of the server.
const shutdownTimeout = time.Second

// Config is what an orchard is made of. Every field is needed.
type Config struct {
	// Listener is where to serve. The server closes it.
	Listener net.Listener
	// CertFile and KeyFile are the serving certificate and its key, as PEM. A
	// change of the files is picked up.
	CertFile, KeyFile string
	// Kubeconfig is the file that leads to the kube-apiserver in front, which says
	// who a caller is (the front-proxy CA in a ConfigMap, TokenReview) and what it
	// may do (SubjectAccessReview).
	Kubeconfig string
	// Storage says where objects are kept, given the codec that they are stored
	// with and the version that it encodes to.
	Storage func(codec runtime.Codec, version runtime.GroupVersioner) generic.RESTOptionsGetter
}

// New assembles an orchard with two apples in it. It asks the kube-apiserver in
// front for the authentication ConfigMap, so that one must be there, and it
// fails if it is not. Run the result with PrepareRun().RunWithContext(ctx).
func New(ctx context.Context, c Config) (*server.GenericAPIServer, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	codecs := serializer.NewCodecFactory(scheme)
	config := server.NewConfig(codecs)
	config.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	if err := serveOn(config, c); err != nil {
		return nil, err
	}
	describe(config, scheme)
	if err := delegate(config, c.Kubeconfig); err != nil {
		return nil, err
	}
	config.RESTOptionsGetter = c.Storage(codecs.LegacyCodec(v1.GroupVersion), v1.GroupVersion)

	// Without admission there is nothing that would need informers on the
	// kube-apiserver in front, and so nothing to wait for at start.
	s, err := config.Complete(nil).New("orchard", server.NewEmptyDelegate())
	if err != nil {
		return nil, fmt.Errorf("cannot assemble the orchard's apiserver: %w", err)
	}
	s.ShutdownTimeout = shutdownTimeout
	return s, install(ctx, s, scheme, codecs, config.RESTOptionsGetter)
}

// serveOn says where and with which certificate to serve.
func serveOn(config *server.Config, c Config) error {
	cert, err := dynamiccertificates.NewDynamicServingContentFromFiles("serving-cert", c.CertFile, c.KeyFile)
	if err != nil {
		return fmt.Errorf("cannot read the orchard's serving certificate %s: %w", c.CertFile, err)
	}
	addr, ok := c.Listener.Addr().(*net.TCPAddr)
	if !ok {
		return errors.New("the orchard needs a TCP listener")
	}
	config.PublicAddress = addr.IP
	config.SecureServing = &server.SecureServingInfo{Listener: c.Listener, Cert: cert}
	// A GenericAPIServer wants a client to itself for its hooks. None of the hooks
	// here uses it; making a certificate for it, as SecureServingOptions does, would
	// be most of the time to start.
	config.LoopbackClientConfig = &restclient.Config{
		Host:            "https://" + addr.String(),
		TLSClientConfig: restclient.TLSClientConfig{CAFile: c.CertFile},
	}
	return nil
}

// describe turns on OpenAPI v2 and v3. Server-side apply needs v3, too.
func describe(config *server.Config, scheme *runtime.Scheme) {
	namer := openapi.NewDefinitionNamer(scheme)
	config.OpenAPIConfig = server.DefaultOpenAPIConfig(orchardopenapi.GetOpenAPIDefinitions, namer)
	config.OpenAPIConfig.Info.Title = "Orchard"
	config.OpenAPIConfig.Info.Version = "1.0"
	config.OpenAPIV3Config = server.DefaultOpenAPIV3Config(orchardopenapi.GetOpenAPIDefinitions, namer)
	config.OpenAPIV3Config.Info.Title = "Orchard"
	config.OpenAPIV3Config.Info.Version = "1.0"
}

// delegate leaves authentication and authorization to the kube-apiserver in
// front, with the same code and defaults as the flags
// --authentication-kubeconfig and --authorization-kubeconfig of a custom
// apiserver.
func delegate(config *server.Config, kubeconfig string) error {
	authn := options.NewDelegatingAuthenticationOptions()
	authn.RemoteKubeConfigFile = kubeconfig
	if err := authn.ApplyTo(&config.Authentication, config.SecureServing, config.OpenAPIConfig); err != nil {
		return fmt.Errorf("cannot delegate authentication with kubeconfig %s: %w", kubeconfig, err)
	}
	authz := options.NewDelegatingAuthorizationOptions()
	authz.RemoteKubeConfigFile = kubeconfig
	if err := authz.ApplyTo(&config.Authorization); err != nil {
		return fmt.Errorf("cannot delegate authorization with kubeconfig %s: %w", kubeconfig, err)
	}
	addGate(config)
	return nil
}

// install serves the apples in both versions and stores the first two.
func install(
	ctx context.Context, s *server.GenericAPIServer, scheme *runtime.Scheme,
	codecs serializer.CodecFactory, getter generic.RESTOptionsGetter,
) error {
	resource, status, err := newStorage(scheme, getter)
	if err != nil {
		return err
	}
	group := server.NewDefaultAPIGroupInfo(hub.GroupName, scheme, metav1.ParameterCodec, codecs)
	for _, version := range scheme.PrioritizedVersionsForGroup(hub.GroupName) {
		group.VersionedResourcesStorageMap[version.Version] = map[string]rest.Storage{
			"apples":        resource,
			"apples/status": status,
		}
	}
	if err := s.InstallAPIGroup(&group); err != nil {
		return fmt.Errorf("cannot serve the API group %s: %w", hub.GroupName, err)
	}
	return resource.seed(ctx)
}

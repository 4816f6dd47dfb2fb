package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/version"
	apiopenapi "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/server/filters"
	"k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	certutil "k8s.io/client-go/util/cert"
	"k8s.io/component-base/compatibility"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregatorapiserver "k8s.io/kube-aggregator/pkg/apiserver"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"
	generatedopenapi "k8s.io/kube-aggregator/pkg/generated/openapi"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kagg-project/kagg/internal/pki"
)

// libraryVersion is that of the libraries, and of the cluster that the server claims to be.
const libraryVersion = "1.37"

// title is that of a kube-apiserver's OpenAPI documents.
const title = "Kubernetes"

// Options are what the server has in common with the kagg that it is compared with.
type Options struct {
	// State names the certificates. Required.
	State *pki.State
	// Version is what the local APIs call themselves. Required.
	Version *version.Info
	// Local are the APIServices of the local APIs, for their priorities. They are not created.
	Local []apiregistrationv1.APIService
	// Authentication is who may ask, and how front proxies name users.
	Authentication Authentication
	// Objects are in the storage before the server starts, as those of a former run are in etcd. Default: none.
	Objects []*unstructured.Unstructured
	// Listener is where to serve. Required.
	Listener net.Listener
}

// Server is a running kube-aggregator. Its methods are safe for concurrent use.
type Server struct {
	// URL is where it serves.
	URL string

	running sync.WaitGroup
}

// Wait returns when the server has stopped, after the context of Start ended.
func (s *Server) Wait() { s.running.Wait() }

// Start starts the server, which serves until ctx ends. It returns when it is ready.
func Start(ctx context.Context, o Options) (*Server, error) {
	local, err := newLocalAPIs(ctx, &o)
	if err != nil {
		return nil, err
	}
	if err := local.create(ctx, o.Objects); err != nil {
		return nil, err
	}
	config, err := o.config(local)
	if err != nil {
		return nil, err
	}
	target, err := local.target()
	if err != nil {
		return nil, err
	}
	if config.GenericConfig.AggregatedDiscoveryGroupManager, err = local.discovery(o.Local); err != nil {
		return nil, err
	}
	aggregator, err := config.Complete().NewWithDelegate(target)
	if err != nil {
		return nil, fmt.Errorf("building the kube-aggregator: %w", err)
	}
	prepared, err := aggregator.PrepareRun()
	if err != nil {
		return nil, fmt.Errorf("preparing the kube-aggregator: %w", err)
	}
	s := &Server{URL: "https://" + o.Listener.Addr().String()}
	s.running.Go(func() {
		if err := prepared.Run(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "the kube-aggregator ended:", err)
		}
		local.memory.Close()
	})
	return s, nil
}

// config assembles what a kube-apiserver assembles for its aggregator
// (k8s.io/kubernetes pkg/controlplane/apiserver, aggregator.go).
func (o *Options) config(local *localAPIs) (*aggregatorapiserver.Config, error) {
	generic := genericapiserver.NewRecommendedConfig(aggregatorscheme.Codecs)
	generic.EffectiveVersion = compatibility.NewEffectiveVersionFromString(libraryVersion, "", "")
	generic.ExternalAddress = o.Listener.Addr().String()
	generic.RESTOptionsGetter = local.memory.RESTOptionsGetter(registrationCodec)
	generic.MergedResourceConfig = aggregatorapiserver.DefaultAPIResourceConfigSource()
	generic.LongRunningFunc = filters.BasicLongRunningRequestCheck(
		sets.NewString("watch", "proxy"),
		sets.NewString("attach", "exec", "proxy", "log", "portforward"))
	generic.EnableMetrics, generic.EnableProfiling = false, false
	names := apiopenapi.NewDefinitionNamer(aggregatorscheme.Scheme)
	generic.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(generatedopenapi.GetOpenAPIDefinitions, names)
	generic.OpenAPIConfig.Info.Title, generic.OpenAPIConfig.Info.Version = title, o.Version.GitVersion
	// What pkg/kubeapiserver/authenticator adds for tokens; the answer 401 to every path follows from it.
	generic.OpenAPIConfig.SecurityDefinitions = &spec.SecurityDefinitions{"BearerToken": &spec.SecurityScheme{SecuritySchemeProps: spec.SecuritySchemeProps{
		Type: "apiKey", Name: "authorization", In: "header", Description: "Bearer Token authentication",
	}}}
	generic.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(generatedopenapi.GetOpenAPIDefinitions, names)
	generic.OpenAPIV3Config.Info.Title, generic.OpenAPIV3Config.Info.Version = title, o.Version.GitVersion
	generic.SkipOpenAPIInstallation = true
	if err := o.serving(generic); err != nil {
		return nil, err
	}
	clients, err := kubernetes.NewForConfig(local.server.ClientConfig())
	if err != nil {
		return nil, err
	}
	generic.ClientConfig = local.server.ClientConfig()
	generic.SharedInformerFactory = informers.NewSharedInformerFactory(clients, 10*time.Minute)
	slices := generic.SharedInformerFactory.Discovery().V1().EndpointSlices()
	getter, err := proxy.NewEndpointSliceIndexerGetter(slices)
	if err != nil {
		return nil, err
	}
	return &aggregatorapiserver.Config{
		GenericConfig: generic,
		ExtraConfig: aggregatorapiserver.ExtraConfig{
			ProxyClientCertFile: o.State.FrontProxyClient.CertFile,
			ProxyClientKeyFile:  o.State.FrontProxyClient.KeyFile,
			ServiceResolver: aggregatorapiserver.NewEndpointServiceResolver(
				generic.SharedInformerFactory.Core().V1().Services().Lister(), getter),
			RejectForwardingRedirects: true,
		},
	}, nil
}

// serving sets how the server is reached and who is let in, and the client of itself.
func (o *Options) serving(generic *genericapiserver.RecommendedConfig) error {
	cert, err := dynamiccertificates.NewDynamicServingContentFromFiles("serving-cert", o.State.Serving.CertFile, o.State.Serving.KeyFile)
	if err != nil {
		return err
	}
	if err := o.Authentication.apply(&generic.Config, o.State); err != nil {
		return err
	}
	loopbackCert, loopbackKey, err := certutil.GenerateSelfSignedCertKey(genericapiserver.LoopbackClientServerNameOverride, nil, nil)
	if err != nil {
		return err
	}
	loopbackContent, err := dynamiccertificates.NewStaticSNICertKeyContent("self-signed loopback", loopbackCert, loopbackKey, genericapiserver.LoopbackClientServerNameOverride)
	if err != nil {
		return err
	}
	generic.SecureServing = &genericapiserver.SecureServingInfo{
		Listener: o.Listener, Cert: cert, ClientCA: o.Authentication.clientCA,
		SNICerts:                     []dynamiccertificates.SNICertKeyContentProvider{loopbackContent},
		HTTP2MaxStreamsPerConnection: 250,
	}
	token := loopbackToken()
	loopback, err := generic.SecureServing.NewLoopbackClientConfig(token, loopbackCert)
	if err != nil {
		return err
	}
	loopback.QPS = -1
	generic.LoopbackClientConfig = loopback
	genericapiserver.AuthorizeClientBearerToken(loopback, &generic.Authentication, &generic.Authorization)
	return nil
}

// AdminClient returns the configuration of an administrator's client of the server at url.
func AdminClient(url string, state *pki.State) *rest.Config {
	return &rest.Config{Host: url, QPS: -1, TLSClientConfig: rest.TLSClientConfig{
		CAFile: state.ClusterCA.CertFile, CertFile: state.Admin.CertFile, KeyFile: state.Admin.KeyFile,
	}}
}

// Transport returns the TLS configuration of a client with a certificate, or without one where cert is nil.
func Transport(state *pki.State, cert *tls.Certificate) (*tls.Config, error) {
	ca, err := os.ReadFile(state.ClusterCA.CertFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if cert != nil {
		config.Certificates = []tls.Certificate{*cert}
	}
	return config, nil
}

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/version"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/conformance/internal/upstream"
	"github.com/kagg-project/kagg/internal/pki"
)

// The roles in which the bench starts itself.
const (
	roleBackends = "backends"
	roleBare     = "reverse-proxy"
	roleReal     = "kube-aggregator"
)

// roleOptions are what a role is told.
type roleOptions struct {
	state       *pki.State
	address     string // to serve at
	control     string // of the backends: where to take orders
	backend     string // of the bare proxy: where to send to
	backendCert string // the backends' certificate, its CA, and its key
	groups      int
	together    bool
	objects     string // of the kube-aggregator: the objects that it starts with
	about       string // of the kube-aggregator: the file of about
}

// about is what the kube-aggregator has in common with kagg: its local APIs.
type about struct {
	Version *version.Info
	Local   []apiregistrationv1.APIService
}

// serveRole is the main function of a server under test.
func serveRole(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: bench server ROLE: %s, %s or %s", roleBackends, roleBare, roleReal)
	}
	var o roleOptions
	var stateDir string
	flags := flag.NewFlagSet("bench server "+args[0], flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&stateDir, "state", "", "state folder with the certificates")
	flags.StringVar(&o.address, "address", "", "where to serve")
	flags.StringVar(&o.control, "control", "", "where the backends take orders")
	flags.StringVar(&o.backend, "backend", "", "where the bare proxy sends requests")
	flags.StringVar(&o.backendCert, "backend-certificate", "", "PEM file of the backends' certificate and key")
	flags.IntVar(&o.groups, "groups", 1, "number of API groups")
	flags.BoolVar(&o.together, "together", false, "all groups are on one backend")
	flags.StringVar(&o.objects, "objects", "", "file of the objects to start with")
	flags.StringVar(&o.about, "about", "", "file that describes the local APIs")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	var err error
	if o.state, err = pki.Ensure(stateDir, pki.Options{}); err != nil {
		return err
	}
	switch args[0] {
	case roleBackends:
		return serveBackends(ctx, o)
	case roleBare:
		return serveBare(ctx, o)
	case roleReal:
		return serveReal(ctx, o)
	default:
		return fmt.Errorf("unknown role %q", args[0])
	}
}

// serveBare is Go's reverse proxy as anybody would set it up: TLS on both sides, a client's certificate verified in
// the handshake, one shown to the backend, and nothing else.
func serveBare(ctx context.Context, o roleOptions) error {
	serving, err := tls.LoadX509KeyPair(o.state.Serving.CertFile, o.state.Serving.KeyFile)
	if err != nil {
		return err
	}
	shown, err := tls.LoadX509KeyPair(o.state.FrontProxyClient.CertFile, o.state.FrontProxyClient.KeyFile)
	if err != nil {
		return err
	}
	users, err := pool(o.state.ClusterCA.CertFile)
	if err != nil {
		return err
	}
	roots, err := pool(o.backendCert)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "https", Host: o.backend}) },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{
				RootCAs: roots, Certificates: []tls.Certificate{shown}, ServerName: serviceName(0) + ".default.svc", MinVersion: tls.VersionTLS12,
			},
			ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 25, // as a kube-aggregator has it
		},
	}
	return serveUntil(ctx, &http.Server{
		Addr: o.address, Handler: proxy, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{serving}, ClientCAs: users, ClientAuth: tls.VerifyClientCertIfGiven, MinVersion: tls.VersionTLS12,
		},
	})
}

func pool(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s has no certificate", file)
	}
	return p, nil
}

// serveReal is the kube-aggregator before kagg's local APIs, with the objects in its storage from the beginning.
func serveReal(ctx context.Context, o roleOptions) error {
	var local about
	if err := readJSON(o.about, &local); err != nil {
		return err
	}
	var objects []*unstructured.Unstructured
	if err := readJSON(o.objects, &objects); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.address)
	if err != nil {
		return err
	}
	s, err := upstream.Start(ctx, upstream.Options{State: o.state, Listener: l, Version: local.Version, Local: local.Local, Objects: objects})
	if err != nil {
		return err
	}
	s.Wait()
	return nil
}

func readJSON(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

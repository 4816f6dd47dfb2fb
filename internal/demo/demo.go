// Package demo runs two small custom apiservers inside the kagg process, so that
// there is something to look at without writing or installing anything: an
// orchard (package orchard: built on k8s.io/apiserver, two versions, writable,
// watchable, aggregated discovery, OpenAPI v2 and v3) and a weather service
// (package weather: net/http alone, read-only, legacy discovery, OpenAPI v2).
//
// What comes in are a kubeconfig to kagg, the front-proxy CA, and a way to get
// serving certificates. What goes out are two servers on free ports of 127.0.0.1
// and the YAML that makes kagg aggregate them. They know nothing of kagg that a
// custom apiserver in a cluster does not know of its kube-apiserver; package demo
// never reaches into the aggregator.
package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/kagg-project/kagg/internal/demo/orchard/hub"
	"github.com/kagg-project/kagg/internal/demo/weather"
)

// Namespace is the namespace of both Services.
const Namespace = "demo"

const (
	orchardService = "orchard"
	weatherService = "weather"

	// stopTimeout is how long requests in flight may take when the demo ends.
	stopTimeout = time.Second
)

// Options say what the two servers need to know of the kagg in front of them. All
// fields but ErrorLog are needed.
type Options struct {
	// Kubeconfig is the apiserver.kubeconfig of kagg. The file need not exist and
	// kagg need not serve before Start returns: the orchard waits for both.
	Kubeconfig string
	// RequestHeaderCA is the front-proxy CA in PEM form: whoever has a certificate
	// of it is believed when it says who the user is.
	RequestHeaderCA []byte
	// Certificate returns the files of a serving certificate and its key for
	// <service>.<namespace>.svc that kagg trusts. It is called during Start only.
	Certificate func(namespace, service string) (certFile, keyFile string, err error)
	// ErrorLog gets what the weather's HTTP server complains of, such as failed TLS
	// handshakes. Default: nowhere.
	ErrorLog *log.Logger
}

// Server is one of the running apiservers.
type Server struct {
	// Namespace and Service are the Kubernetes Service that stands for the server.
	Namespace, Service string
	// Address is where it listens: 127.0.0.1 and the port that it got.
	Address string
	// APIServices are the names of the APIServices that it backs, the preferred
	// version first.
	APIServices []string
}

// Demo is the two servers. It is safe for concurrent use.
type Demo struct {
	servers []Server
	done    sync.WaitGroup

	mu   sync.Mutex
	errs []error
}

// Start listens on two free ports of 127.0.0.1 and begins to serve. It returns as
// soon as the addresses are known and does not wait for kagg; connections made
// before a server is ready wait, too. Both servers stop when ctx ends. Start fails
// when a certificate cannot be had or when it cannot listen.
func Start(ctx context.Context, o Options) (*Demo, error) {
	d := &Demo{}
	orchardListener, orchardCert, err := d.listen(ctx, o, orchardService, "v1."+hub.GroupName, "v1beta1."+hub.GroupName)
	if err != nil {
		return nil, err
	}
	weatherListener, weatherCert, err := d.listen(ctx, o, weatherService, weather.Version+"."+weather.GroupName)
	if err != nil {
		return nil, errors.Join(err, orchardListener.Close())
	}
	weatherServer, err := newWeather(o, weatherCert)
	if err != nil {
		return nil, errors.Join(err, orchardListener.Close(), weatherListener.Close())
	}

	d.run(orchardService, func() error { return serveOrchard(ctx, orchardListener, orchardCert, o.Kubeconfig) })
	d.run(weatherService, func() error { return serveHTTP(ctx, weatherServer, weatherListener) })
	return d, nil
}

// Servers returns the two servers. The slice is the caller's.
func (d *Demo) Servers() []Server {
	servers := make([]Server, 0, len(d.servers))
	for _, s := range d.servers {
		s.APIServices = append([]string(nil), s.APIServices...)
		servers = append(servers, s)
	}
	return servers
}

// Wait returns when both servers have stopped: with nil when the context of Start
// ended them, otherwise with what made one of them fail.
func (d *Demo) Wait() error {
	d.done.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	return errors.Join(d.errs...)
}

// certificate is the files of a serving certificate and its key.
type certificate struct{ certFile, keyFile string }

// listen gets a certificate and a port for one server and notes the server.
func (d *Demo) listen(ctx context.Context, o Options, service string, apiServices ...string) (net.Listener, certificate, error) {
	certFile, keyFile, err := o.Certificate(Namespace, service)
	if err != nil {
		return nil, certificate{}, fmt.Errorf("no serving certificate for the demo service %s/%s: %w", Namespace, service, err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, certificate{}, fmt.Errorf("no port for the demo service %s/%s: %w", Namespace, service, err)
	}
	d.servers = append(d.servers, Server{
		Namespace: Namespace, Service: service, Address: listener.Addr().String(), APIServices: apiServices,
	})
	return listener, certificate{certFile, keyFile}, nil
}

// run serves in the background and keeps the error for Wait.
func (d *Demo) run(service string, serve func() error) {
	d.done.Go(func() {
		if err := serve(); err != nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.errs = append(d.errs, fmt.Errorf("the demo service %s/%s stopped: %w", Namespace, service, err))
		}
	})
}

// newWeather makes the HTTP server of the weather service.
func newWeather(o Options, c certificate) (*http.Server, error) {
	handler, err := weather.NewHandler(o.RequestHeaderCA)
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read the serving certificate %s of the demo service %s/%s: %w", c.certFile, Namespace, weatherService, err)
	}
	errorLog := o.ErrorLog
	if errorLog == nil {
		errorLog = log.New(io.Discard, "", 0)
	}
	return &http.Server{
		Handler: handler,
		// The handler verifies the client certificate: a connection without one still
		// deserves an answer that says why it is refused.
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          errorLog,
	}, nil
}

// serveHTTP serves until ctx ends.
func serveHTTP(ctx context.Context, s *http.Server, listener net.Listener) error {
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := s.Shutdown(drain); err != nil {
			// Whoever is still connected after the time to drain is cut off.
			_ = s.Close()
		}
	})
	err := s.ServeTLS(listener, "", "")
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// apiServiceParts splits the name of an APIService into version and group.
func apiServiceParts(name string) (version, group string) {
	version, group, _ = strings.Cut(name, ".")
	return version, group
}

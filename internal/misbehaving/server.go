package misbehaving

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// What is served, and as whom.
const (
	Group          = "ships.test.kagg.dev"
	Version        = "v1"
	Namespace      = "test"
	Service        = "ships"
	ServerName     = Service + "." + Namespace + ".svc"
	FrontProxyName = "front-proxy-client"
)

// Server is a running server. Its fields are not changed.
type Server struct {
	// Address is "127.0.0.1:port".
	Address string
	// CABundle is the CA that is said to have signed the serving certificate, in PEM.
	CABundle []byte
	// FrontProxyCert and FrontProxyKey are what the server believes that an aggregator presents, in PEM.
	FrontProxyCert, FrontProxyKey []byte

	http     *http.Server
	listener net.Listener
	fleet    *fleet
	stop     chan struct{}
}

// Start serves with the given faults until Close is called. It fails when an option is none, or it cannot listen.
func Start(options ...Option) (*Server, error) {
	f, err := newFaults(options)
	if err != nil {
		return nil, err
	}
	s := &Server{fleet: newFleet(), stop: make(chan struct{})}
	config, believed, err := s.trust(f)
	if err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:   &handler{faults: f, fleet: s.fleet, believed: believed, stop: s.stop},
		TLSConfig: config, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0), // refused handshakes are wanted here
	}
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil { //nolint:noctx // it returns at once
		return nil, err
	}
	s.Address = s.listener.Addr().String()
	go s.serve(f)
	return s, nil
}

func (s *Server) serve(f faults) {
	switch {
	case f[Closed]:
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	case f[PlainHTTP]:
		_ = s.http.Serve(s.listener) // it ends with ErrServerClosed
	default:
		_ = s.http.ServeTLS(s.listener, "", "")
	}
}

// Close ends the server and every request.
func (s *Server) Close() error {
	close(s.stop)
	return errors.Join(s.http.Close(), ignoreClosed(s.listener.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Ships returns the names of the ships that there are, sorted.
func (s *Server) Ships() []string { return s.fleet.names() }

// trust makes the certificates. It returns how to serve, and who vouches for a believed front proxy.
func (s *Server) trust(f faults) (*tls.Config, *x509.CertPool, error) {
	var authorities [4]*authority
	for i, name := range [...]string{"ships-ca", "front-proxy-ca", "another-ca", "ships-ca-of-old"} {
		var err error
		if authorities[i], err = newAuthority(name); err != nil {
			return nil, nil, err
		}
	}
	signer, frontProxy, another := authorities[0], authorities[1], authorities[2]
	s.CABundle = signer.pem
	if f[CertificateOtherCA] {
		s.CABundle = authorities[3].pem
	}
	serving, err := signer.issue(f.serving())
	if err != nil {
		return nil, nil, err
	}
	client, err := frontProxy.issue(frontProxyClient())
	if err != nil {
		return nil, nil, err
	}
	s.FrontProxyCert, s.FrontProxyKey = client.certPEM, client.keyPEM

	config := &tls.Config{
		Certificates: []tls.Certificate{serving.cert}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequestClientCert, ClientCAs: poolOf(frontProxy),
	}
	f.askClient(config, another)
	return config, poolOf(frontProxy), nil
}

// askClient changes how a handshake asks for the client's certificate.
func (f faults) askClient(config *tls.Config, another *authority) {
	switch {
	case f[NoClientCertificateRequest], f[OpenToAll], f[ObeysForgedHeaders] && f[NoClientCertificateRequest]:
		config.ClientAuth = tls.NoClientCert
	case f[OtherClientCA]:
		config.ClientCAs = poolOf(another)
	case f[RequiresClientCertificate]:
		config.ClientAuth = tls.RequireAndVerifyClientCert
	case f[RefusesFrontProxy]:
		config.ClientCAs = nil
		config.VerifyConnection = func(c tls.ConnectionState) error {
			if len(c.PeerCertificates) > 0 {
				return errors.New("no client certificate is good enough")
			}
			return nil
		}
	case f[NamesNoClientCA]:
		config.ClientCAs = nil
	}
	if f[OpenToAll] {
		config.ClientAuth = tls.RequestClientCert
	}
}

func poolOf(a *authority) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// backends are custom apiservers that answer from memory. All listen on one port and are told apart by the name
// that the client asks for in TLS, the Service's.
type backends struct {
	each []*backend

	changing sync.Mutex
	changes  int
}

// backend serves the documents of its groups, objects of payloadSize bytes, and watches with an event a second.
type backend struct {
	groups  []int
	current atomic.Pointer[documents]
}

// documents are those of one backend at one moment.
type documents struct {
	discovery, openAPI, v3Index *document
	lists                       map[string]*document // by path
}

// serviceName is the name of the i-th backend's Service, in the namespace default.
func serviceName(i int) string { return fmt.Sprintf("b%04d", i) }

// newBackends makes n groups, all on one backend if together.
func newBackends(n int, together bool) (*backends, error) {
	b := &backends{}
	for i := range n {
		if together && i > 0 {
			b.each[0].groups = append(b.each[0].groups, i)
		} else {
			b.each = append(b.each, &backend{groups: []int{i}})
		}
	}
	for _, one := range b.each {
		if err := one.change(""); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// change makes the documents anew, with a further resource where extra names one.
func (b *backend) change(extra string) error {
	d := &documents{lists: map[string]*document{}}
	var err error
	if d.discovery, err = newDocument(aggregatedMedia, discoveryDocument(b.groups, extra)); err != nil {
		return err
	}
	if d.openAPI, err = newDocument("application/json", openAPIDocument(b.groups, extra)); err != nil {
		return err
	}
	if d.v3Index, err = newDocument("application/json", v3Index(b.groups, extra)); err != nil {
		return err
	}
	for _, g := range b.groups {
		if d.lists["/apis/"+groupName(g)+"/v1"], err = newDocument("application/json", resourceList(g, extra)); err != nil {
			return err
		}
	}
	b.current.Store(d)
	return nil
}

// next changes the documents of the i-th backend so that they name a resource that none did before, and returns its
// name.
func (b *backends) next(i int) (string, error) {
	b.changing.Lock()
	defer b.changing.Unlock()
	b.changes++
	extra := fmt.Sprintf("extra%04d", b.changes)
	return extra, b.each[i].change(extra)
}

// ServeHTTP implements http.Handler.
func (b *backends) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name, _, _ := strings.Cut(req.TLS.ServerName, ".")
	i, err := strconv.Atoi(strings.TrimPrefix(name, "b"))
	if err != nil || i >= len(b.each) {
		http.Error(w, "no backend is called "+req.TLS.ServerName, http.StatusMisdirectedRequest)
		return
	}
	d := b.each[i].current.Load()
	switch path := req.URL.Path; {
	case path == "/readyz":
		_, _ = io.WriteString(w, "ok")
	case path == "/apis":
		d.discovery.ServeHTTP(w, req)
	case path == "/openapi/v2":
		d.openAPI.ServeHTTP(w, req)
	case path == "/openapi/v3":
		d.v3Index.ServeHTTP(w, req)
	case d.lists[path] != nil:
		d.lists[path].ServeHTTP(w, req)
	case !strings.HasPrefix(path, "/apis/"):
		http.NotFound(w, req)
	case req.URL.RawQuery == "watch=true":
		watch(w, req)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(payload)
	}
}

// watch sends an event a second until the client leaves.
func watch(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	flush := http.NewResponseController(w).Flush
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for now := time.Now(); ; {
		if _, err := w.Write(watchEvent(now)); err != nil {
			return
		}
		if err := flush(); err != nil {
			return
		}
		select {
		case <-req.Context().Done():
			return
		case now = <-ticker.C:
		}
	}
}

// control lets the bench change a backend: POST /change?backend=N answers with the name of the new resource.
func (b *backends) control(w http.ResponseWriter, req *http.Request) {
	i, err := strconv.Atoi(req.FormValue("backend"))
	if err != nil || i < 0 || i >= len(b.each) || req.Method != http.MethodPost {
		http.Error(w, "want POST /change?backend=N", http.StatusBadRequest)
		return
	}
	name, err := b.next(i)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, name)
}

// serveBackends serves until ctx ends.
func serveBackends(ctx context.Context, o roleOptions) error {
	b, err := newBackends(o.groups, o.together)
	if err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(o.backendCert, o.backendCert)
	if err != nil {
		return err
	}
	proxies, err := os.ReadFile(o.state.FrontProxyCA.CertFile)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(proxies)
	config := &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool,
	}
	return errors.Join(serveUntil(ctx,
		&http.Server{Addr: o.control, Handler: http.HandlerFunc(b.control), ReadHeaderTimeout: time.Minute},
		&http.Server{Addr: o.address, Handler: b, TLSConfig: config, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)},
	))
}

// serveUntil serves until ctx ends or one of the servers fails, with TLS where a server has its configuration.
func serveUntil(ctx context.Context, servers ...*http.Server) error {
	failed := make(chan error, len(servers))
	for _, s := range servers {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Addr)
		if err != nil {
			return err
		}
		go func() {
			if s.TLSConfig != nil {
				failed <- s.ServeTLS(l, "", "")
			} else {
				failed <- s.Serve(l)
			}
		}()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	for _, s := range servers {
		_ = s.Close() // the process ends with it
	}
	return nil
}

// writeBackendCertificate writes a self-signed certificate for every Service of the namespace default, and its key,
// into file, and returns the certificate, which is its own CA.
func writeBackendCertificate(file string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "backends"},
		DNSNames:  []string{"*.default.svc"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return cert, os.WriteFile(file, append(cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})...), 0o600)
}

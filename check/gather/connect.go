package gather

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/proxy"
)

// maxHosts bounds how many addresses of one backend are connected to.
const maxHosts = 16

// connected is what a handshake showed beside the facts.
type connected struct {
	check.Host
	// clientCAs are the DER names of the CAs that the handshake named.
	clientCAs [][]byte
}

// connect opens a connection to each address, all at once.
func (g *gatherer) connect(ctx context.Context) []connected {
	hosts := g.target.Hosts[:min(len(g.target.Hosts), maxHosts)]
	out := make([]connected, len(hosts))
	var all sync.WaitGroup
	for i, host := range hosts {
		all.Go(func() { out[i] = g.handshake(ctx, host) })
	}
	all.Wait()
	return out
}

// handshake connects without believing the server anything, and without saying who asks.
func (g *gatherer) handshake(ctx context.Context, address string) connected {
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, g.Timeout)
	defer cancel()
	out := connected{Host: check.Host{Address: address}}
	config := &tls.Config{
		ServerName: g.target.ServerName, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // nothing is sent: the certificate is looked at
		GetClientCertificate: func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			out.AsksClient = true
			out.clientCAs = asked.AcceptableCAs
			return &tls.Certificate{}, nil
		},
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		out.fail(err)
		return out
	}
	defer func() { _ = raw.Close() }() // nothing was written
	conn := tls.Client(raw, config)
	err = conn.HandshakeContext(ctx)
	if errors.Is(err, context.DeadlineExceeded) && whole.Err() == nil {
		out.Failure = "it accepts the TCP connection, and does not finish the TLS handshake within " + g.Timeout.String()
		out.Hint = "it hangs, or is stopped in a debugger: let it go on, or start it anew"
		return out
	}
	chain := conn.ConnectionState().PeerCertificates
	// A server that wants a certificate may end a handshake without one: what it showed until then counts.
	if len(chain) == 0 || err != nil && !out.AsksClient {
		if err == nil {
			err = fmt.Errorf("the server has no certificate")
		}
		out.fail(err)
		return out
	}
	out.Certificate = g.target.certificate(chain, time.Now())
	for _, der := range out.clientCAs {
		out.ClientCAs = append(out.ClientCAs, distinguishedName(der))
	}
	out.Acceptable = g.frontProxy.below(out.clientCAs)
	return out
}

func (c *connected) fail(err error) {
	c.Failure = oneLine(err.Error())
	// The front proxy's certificate was not presented yet: hints that it is refused are not true.
	if hint := proxy.Hint(err); !strings.Contains(hint, "front-proxy") {
		c.Hint = hint
	}
}

// alert is what the server says when it ends a connection after the handshake, for the client's certificate; "" for
// nothing. A request that fails may have been written before that was read.
func (g *gatherer) alert(ctx context.Context, d door, address string) string {
	rt, ok := d.rt.(*proxy.Transport)
	if !ok {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, g.Timeout)
	defer cancel()
	conn, err := rt.DialTLS(ctx, address)
	if err == nil {
		defer func() { _ = conn.Close() }() // nothing was written
		if err := conn.SetReadDeadline(time.Now().Add(g.Timeout)); err != nil {
			return ""
		}
		_, err = conn.Read(make([]byte, 1))
	}
	var remote *net.OpError
	if errors.As(err, &remote) && remote.Op == "remote error" {
		return remote.Error()
	}
	return ""
}

func distinguishedName(der []byte) string {
	var sequence pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &sequence); err != nil {
		return fmt.Sprintf("%x", der)
	}
	var name pkix.Name
	name.FillFromRDNSequence(&sequence)
	return name.String()
}

// stranger makes a client certificate as somebody makes one who has no believed CA, and only knows how it is called.
func (g *gatherer) stranger(clientCAs [][]byte) (cert, key []byte, err error) {
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "stranger"}}
	subject := pkix.Name{CommonName: "front-proxy-client"}
	if g.frontProxy != nil {
		ca.RawSubject = g.frontProxy.chain[0].RawIssuer
		subject = g.frontProxy.chain[0].Subject
	}
	if len(clientCAs) > 0 && !g.frontProxy.below(clientCAs) {
		ca.RawSubject = clientCAs[0]
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

package parity

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/conformance/internal/upstream"
	"github.com/kagg-project/kagg/internal/pki"
	"github.com/kagg-project/kagg/internal/ports"
)

// side is one of the two servers with its backends.
type side struct {
	name     string
	url      string
	state    *pki.State
	backends map[string]*scriptedBackend
	client   dynamic.Interface
	admin    *rest.Config
	clients  map[string]*http.Client // by who asks
	// names replaces what differs between the sides by the nature of the thing: ports and addresses.
	names *strings.Replacer
}

// newBackends makes the backends of one side; they have their ports, and do not listen yet.
func newBackends(ctx context.Context, s *Scenario, ca, unknown *authority, state *pki.State) (map[string]*scriptedBackend, error) {
	frontProxyCA, err := os.ReadFile(state.FrontProxyCA.CertFile)
	if err != nil {
		return nil, err
	}
	out := map[string]*scriptedBackend{}
	for name, b := range s.Backends {
		names := b.Certificate.Names
		if names == nil {
			names = []string{name + ".default.svc"}
		}
		signer := ca
		if b.Certificate.UnknownCA {
			signer = unknown
		}
		cert, err := signer.serving(names, b.Certificate.Expired)
		if err != nil {
			return nil, err
		}
		config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		if err := clientCAs(config, b.ClientCertificate, frontProxyCA); err != nil {
			return nil, fmt.Errorf("%s: backend %s: %w", s.Name, name, err)
		}
		port, err := ports.Free(ctx)
		if err != nil {
			return nil, err
		}
		out[name] = &scriptedBackend{
			name: name, dir: s.Dir, tls: config, http1: b.HTTP1, answers: b.Serve, received: map[string]*received{},
			address: fmt.Sprintf("127.0.0.1:%d", port),
		}
	}
	return out, nil
}

// connect makes the clients of a running server.
func (s *side) connect() error {
	s.admin = upstream.AdminClient(s.url, s.state)
	var err error
	if s.client, err = dynamic.NewForConfig(s.admin); err != nil {
		return err
	}
	s.clients = map[string]*http.Client{}
	admin, err := tls.LoadX509KeyPair(s.state.Admin.CertFile, s.state.Admin.KeyFile)
	if err != nil {
		return err
	}
	proxy, err := tls.LoadX509KeyPair(s.state.FrontProxyClient.CertFile, s.state.FrontProxyClient.KeyFile)
	if err != nil {
		return err
	}
	for as, cert := range map[string]*tls.Certificate{"admin": &admin, "proxy": &proxy, "nobody": nil} {
		config, err := upstream.Transport(s.state, cert)
		if err != nil {
			return err
		}
		s.clients[as] = &http.Client{
			Transport:     &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	s.names = s.replacer()
	return nil
}

// version is what the server says of itself.
func (s *side) version(ctx context.Context) (*version.Info, error) {
	answer := s.send(ctx, &Request{Path: "/version"}, "version", nil)
	info := &version.Info{}
	if err := json.Unmarshal(answer.body, info); err != nil {
		return nil, fmt.Errorf("%s: /version: %w: %d %s%s", s.name, err, answer.status, answer.failure, answer.body)
	}
	return info, nil
}

// tlsConfig is that of who asks.
func (s *side) tlsConfig(as string) *tls.Config {
	transport, _ := s.clientOf(as).Transport.(*http.Transport)
	config := transport.TLSClientConfig.Clone()
	config.NextProtos = []string{"http/1.1"}
	return config
}

func (s *side) clientOf(as string) *http.Client {
	if c := s.clients[as]; c != nil {
		return c
	}
	if strings.HasPrefix(as, "token:") {
		return s.clients["nobody"]
	}
	return s.clients["admin"]
}

func (s *side) replacer() *strings.Replacer {
	host := strings.TrimPrefix(s.url, "https://")
	pairs := append(make([]string, 0, 2+2*len(s.backends)), host, "SERVER")
	for name, b := range s.backends {
		pairs = append(pairs, b.address, "BACKEND-"+name)
	}
	return strings.NewReplacer(pairs...)
}

// expand puts the side's ports and CAs into text.
func (s *side) expand(text string, ca *authority) string {
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.url, "https://"))
	pairs := append(make([]string, 0, 2+4*len(s.backends)), "${host}", "127.0.0.1:"+port)
	for name, b := range s.backends {
		pairs = append(pairs, "${"+name+".port}", b.port(), "${"+name+".ca}", base64.StdEncoding.EncodeToString(ca.pem))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// apply creates or replaces the objects of a file.
func (s *side) apply(ctx context.Context, dir, file string, ca *authority) error {
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return err
	}
	if err := s.putAll(ctx, string(data), ca); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// putInline creates or replaces the objects of a step.
func (s *side) putInline(ctx context.Context, objects []map[string]any, ca *authority) error {
	for _, o := range objects {
		if err := s.putAll(ctx, encoded(o), ca); err != nil {
			return err
		}
	}
	return nil
}

// putAll creates or replaces the objects of a text, in which ports are numbers also in quotes.
func (s *side) putAll(ctx context.Context, text string, ca *authority) error {
	for name, b := range s.backends {
		text = strings.ReplaceAll(text, `"${`+name+`.port}"`, b.port())
	}
	objects, err := decodeObjects([]byte(s.expand(text, ca)))
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := s.put(ctx, o); err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

func (s *side) put(ctx context.Context, o *unstructured.Unstructured) error {
	in := s.resource(o.GroupVersionKind(), o.GetNamespace())
	existing, err := in.Get(ctx, o.GetName(), metav1.GetOptions{})
	if err != nil {
		_, err = in.Create(ctx, o, metav1.CreateOptions{})
		return err
	}
	o.SetResourceVersion(existing.GetResourceVersion())
	_, err = in.Update(ctx, o, metav1.UpdateOptions{})
	return err
}

// resource is where a kind is kept; all kinds of scenarios have regular plurals, but for Endpoints.
func (s *side) resource(gvk schema.GroupVersionKind, namespace string) dynamic.ResourceInterface {
	plural := strings.ToLower(gvk.Kind)
	if !strings.HasSuffix(plural, "s") {
		plural += "s"
	}
	in := s.client.Resource(gvk.GroupVersion().WithResource(plural))
	if namespace == "" {
		return in
	}
	return in.Namespace(namespace)
}

package demo_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kagg-project/kagg/internal/pki"
)

const (
	goodToken    = "a-good-token"
	deniedUser   = "mallory"
	readOnlyUser = "rita"
)

// core is the least kube-apiserver that a custom apiserver can delegate to. Only
// its start is delayed: it is kagg's part to be the real thing.
type core struct {
	state  *pki.State
	server *httptest.Server
}

// newCore makes the certificates; start makes it serve and writes the kubeconfigs.
func newCore(t *testing.T) *core {
	t.Helper()
	state, err := pki.Ensure(t.TempDir(), pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &core{state: state}
}

func (c *core) start(t *testing.T) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.state.Serving.CertFile, c.state.Serving.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication", c.getConfigMap)
	mux.HandleFunc("GET /api/v1/namespaces/kube-system/configmaps", c.listConfigMaps)
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", reviewToken)
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", reviewAccess)
	c.server = httptest.NewUnstartedServer(mux)
	c.server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	c.server.EnableHTTP2 = true
	c.server.StartTLS()
	t.Cleanup(c.server.Close)
	if err := c.state.WriteKubeconfigs(c.server.URL, nil); err != nil {
		t.Fatal(err)
	}
}

func (c *core) configMap() (*corev1.ConfigMap, error) {
	frontProxyCA, err := os.ReadFile(c.state.FrontProxyCA.CertFile)
	if err != nil {
		return nil, err
	}
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "extension-apiserver-authentication", ResourceVersion: "1"},
		Data: map[string]string{
			"requestheader-client-ca-file":       string(frontProxyCA),
			"requestheader-allowed-names":        `["front-proxy-client"]`,
			"requestheader-username-headers":     `["X-Remote-User"]`,
			"requestheader-group-headers":        `["X-Remote-Group"]`,
			"requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`,
		},
	}, nil
}

func (c *core) getConfigMap(w http.ResponseWriter, _ *http.Request) {
	answer(w, c.configMap)
}

// listConfigMaps lists the one ConfigMap; a watch of it never sees a change.
func (c *core) listConfigMaps(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("watch") == "" {
		answer(w, func() (*corev1.ConfigMapList, error) {
			cm, err := c.configMap()
			if err != nil {
				return nil, err
			}
			return &corev1.ConfigMapList{
				TypeMeta: metav1.TypeMeta{Kind: "ConfigMapList", APIVersion: "v1"},
				ListMeta: metav1.ListMeta{ResourceVersion: "1"},
				Items:    []corev1.ConfigMap{*cm},
			}, nil
		})
		return
	}
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		// As an apiserver without the WatchList feature: client-go lists instead.
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func reviewToken(w http.ResponseWriter, r *http.Request) {
	answer(w, func() (*authenticationv1.TokenReview, error) {
		review := &authenticationv1.TokenReview{}
		if err := json.NewDecoder(r.Body).Decode(review); err != nil {
			return nil, err
		}
		if review.Spec.Token == goodToken {
			review.Status = authenticationv1.TokenReviewStatus{
				Authenticated: true, User: authenticationv1.UserInfo{Username: "bearer", Groups: []string{"system:authenticated"}},
			}
		}
		return review, nil
	})
}

func reviewAccess(w http.ResponseWriter, r *http.Request) {
	answer(w, func() (*authorizationv1.SubjectAccessReview, error) {
		review := &authorizationv1.SubjectAccessReview{}
		if err := json.NewDecoder(r.Body).Decode(review); err != nil {
			return nil, err
		}
		switch review.Spec.User {
		case "system:anonymous", deniedUser:
		case readOnlyUser:
			a := review.Spec.ResourceAttributes
			review.Status.Allowed = a != nil && (a.Verb == "get" || a.Verb == "list" || a.Verb == "watch")
		default:
			review.Status.Allowed = true
		}
		return review, nil
	})
}

// answer writes what make returns as JSON.
func answer[T any](w http.ResponseWriter, make func() (T, error)) {
	body, err := make()
	if err == nil {
		var data []byte
		if data, err = json.Marshal(body); err == nil {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(data)
			return
		}
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

// frontProxy is a client as the aggregator is one: it has the front-proxy
// certificate and says who the user is.
type frontProxy struct {
	client *http.Client
}

// newFrontProxy trusts the servers of c and presents the client certificate pair,
// none when it is empty.
func newFrontProxy(t *testing.T, c *core, service string, pair pki.Pair) *frontProxy {
	t.Helper()
	config := &tls.Config{RootCAs: pool(t, c.state.ClusterCA.CertFile), ServerName: service + ".demo.svc", MinVersion: tls.VersionTLS12}
	if pair.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(pair.CertFile, pair.KeyFile)
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &frontProxy{client: &http.Client{Transport: transport}}
}

// do sends a request and returns the status code and the body.
func (f *frontProxy) do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := f.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// request makes a request of user to a server of the demo; headers are pairs of
// name and value.
func request(ctx context.Context, t *testing.T, method, url, user string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		req.Header.Set("X-Remote-User", user)
		req.Header.Set("X-Remote-Group", "system:authenticated")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

package aggregator_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/pki"
)

const selfReviews = "/apis/authentication.k8s.io/v1/selfsubjectreviews"

// post asks with a body; headers are pairs of name and value.
func (r *rig) post(client *http.Client, path string, body []byte, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.aggregator.URL()+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		if strings.EqualFold(headers[i], "Content-Type") {
			req.Header.Del(headers[i])
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	return r.do(client, req)
}

// clientWith returns a client with a certificate, or with none.
func (r *rig) clientWith(pair *pki.Pair) *http.Client {
	r.t.Helper()
	config := rest.AnonymousClientConfig(r.admin)
	if pair != nil {
		config.CertFile, config.KeyFile = pair.CertFile, pair.KeyFile
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(client.CloseIdleConnections)
	return client
}

// clientset returns the administrator's.
func (r *rig) clientset() *kubernetes.Clientset {
	r.t.Helper()
	c, err := kubernetes.NewForConfig(r.admin)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// accountToken returns a new token of the ServiceAccount default/default.
func (r *rig) accountToken(audiences ...string) string {
	r.t.Helper()
	t, err := r.clientset().CoreV1().ServiceAccounts("default").CreateToken(r.t.Context(), "default",
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: audiences}}, metav1.CreateOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return t.Status.Token
}

// withTokens configures a token file that knows alice by the token "secret".
func withTokens(t *testing.T) func(*aggregator.Config) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(file, []byte("secret,alice,1,\"dev,ops\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *aggregator.Config) { c.TokenAuthFile = file }
}

func TestWhoCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t, withTokens(t))
	state := r.aggregator.State()
	account := r.accountToken()
	const (
		admin = "kubernetes-admin system:masters,system:authenticated"
		alice = "alice dev,ops,system:authenticated"
		sa    = "system:serviceaccount:default:default system:serviceaccounts,system:serviceaccounts:default,system:authenticated"
	)
	tests := []struct {
		name    string
		cert    *pki.Pair
		headers []string
		want    string // the user and the groups, or "" for 401
	}{
		{"nobody", nil, nil, ""},
		{"a client certificate", &state.Admin, nil, admin},
		{"a static token", nil, []string{"Authorization", "Bearer secret"}, alice},
		{"a scheme in capitals", nil, []string{"Authorization", "BEARER secret"}, alice},
		{"a ServiceAccount's token", nil, []string{"Authorization", "Bearer " + account}, sa},
		{"an unknown token", nil, []string{"Authorization", "Bearer unknown"}, ""},
		{"a changed token", nil, []string{"Authorization", "Bearer " + account[:len(account)-2] + "AA"}, ""},
		{"another audience's token", nil, []string{"Authorization", "Bearer " + r.accountToken("other")}, ""},
		{"a password", nil, []string{"Authorization", "Basic YTpi"}, ""},
		{"a certificate beside a bad token", &state.Admin, []string{"Authorization", "Bearer unknown"}, admin},
		{"a certificate beside a good token", &state.Admin, []string{"Authorization", "Bearer " + account}, admin},
		{"a front proxy", &state.FrontProxyClient, []string{"X-Remote-User", "jane", "X-Remote-Group", "a", "X-Remote-Group", "b"}, "jane a,b,system:authenticated"},
		{"a front proxy that names nobody", &state.FrontProxyClient, nil, ""},
		{"a front proxy beside a token", &state.FrontProxyClient, []string{"Authorization", "Bearer secret"}, alice},
		{"front-proxy headers of a user", &state.Admin, []string{"X-Remote-User", "jane"}, admin},
		{"front-proxy headers of nobody", nil, []string{"X-Remote-User", "jane"}, ""},
	}
	for _, tt := range tests {
		got := r.post(r.clientWith(tt.cert), selfReviews, []byte(`{}`), tt.headers...)
		if tt.want == "" {
			if got.status != http.StatusUnauthorized {
				t.Errorf("%s: %v", tt.name, got)
			}
			continue
		}
		var review authenticationv1.SelfSubjectReview
		if err := json.Unmarshal([]byte(got.body), &review); err != nil || got.status != http.StatusCreated {
			t.Errorf("%s: %v %v", tt.name, got, err)
			continue
		}
		u := review.Status.UserInfo
		if who := u.Username + " " + strings.Join(u.Groups, ","); who != tt.want {
			t.Errorf("%s is %s, want %s", tt.name, who, tt.want)
		}
	}
}

func TestUnauthorizedIsAsUpstream(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const status = `"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}` + "\n"
	for _, tt := range []struct{ path, accept, contentType, body string }{
		{"/api/v1/namespaces", "", "application/json", `{"kind":"Status","apiVersion":"v1","metadata":{},` + status},
		{"/apis/" + group + "/v1", "", "application/json", `{"kind":"Status","apiVersion":"v1","metadata":{},` + status},
		{"/nothing", "", "application/json", `{"kind":"Status","apiVersion":"v1","metadata":{},` + status},
		{"/api/v1/namespaces", "application/yaml", "application/yaml", "apiVersion: v1\ncode: 401\nkind: Status\nmessage: Unauthorized\nmetadata: {}\nreason: Unauthorized\nstatus: Failure\n"},
		{"/api/v1/namespaces", "application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf", ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.aggregator.URL()+tt.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", tt.accept)
		got := r.do(r.clientWith(nil), req)
		if got.status != http.StatusUnauthorized || got.header.Get("Content-Type") != tt.contentType ||
			got.header.Get("Cache-Control") != "no-cache, private" || got.header.Get("Audit-Id") == "" ||
			got.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s as %s: %v", tt.path, tt.accept, got)
		}
		if tt.body != "" && got.body != tt.body {
			t.Errorf("%s as %s: %s", tt.path, tt.accept, cmp.Diff(tt.body, got.body))
		}
	}
}

// A front proxy before kagg names the user with all that belongs to it.
func TestFrontProxyBeforeKagg(t *testing.T) {
	t.Parallel()
	r, _ := served(t, func(c *aggregator.Config) {
		c.RequestHeader.UsernameHeaders = []string{"X-Name"}
		c.RequestHeader.UIDHeaders = []string{"X-Id"}
		c.RequestHeader.GroupHeaders = []string{"X-Team"}
		c.RequestHeader.ExtraHeaderPrefixes = []string{"X-More-"}
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.aggregator.URL()+widgetPath, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range [][2]string{
		{"X-Name", "jane"}, {"X-Id", "7"}, {"X-Team", "a"}, {"X-Team", "b"}, {"X-More-Example.com%2fscope", "x"}, {"X-More-Example.com%2fscope", "y"},
		{"X-Remote-User", "forged"}, {"X-Remote-Extra-Forged", "z"},
	} {
		req.Header.Add(h[0], h[1])
	}
	got := r.do(r.clientWith(&r.aggregator.State().FrontProxyClient), req)
	var echo struct{ Header http.Header }
	if err := json.Unmarshal([]byte(got.body), &echo); err != nil {
		t.Fatal(got, err)
	}
	seen := map[string][]string{}
	for name, values := range echo.Header {
		if strings.HasPrefix(name, "X-") && !strings.HasPrefix(name, "X-Forwarded-") {
			seen[name] = values
		}
	}
	if d := cmp.Diff(map[string][]string{
		"X-Remote-User": {"jane"}, "X-Remote-Uid": {"7"}, "X-Remote-Group": {"a", "b", "system:authenticated"},
		"X-Remote-Extra-Example.com%2fscope": {"x", "y"},
	}, seen); d != "" {
		t.Error(d)
	}
}

// A browser cannot set a header on a WebSocket, and sends its token as a protocol.
func TestWebSocketBearer(t *testing.T) {
	t.Parallel()
	type seen struct{ User, Protocols string }
	users := make(chan seen, 1)
	r, _ := scripted(t, nil, func(w http.ResponseWriter, req *http.Request) {
		users <- seen{req.Header.Get("X-Remote-User"), strings.Join(req.Header.Values("Sec-Websocket-Protocol"), ",")}
		upgrader := websocket.Upgrader{Subprotocols: []string{"v5.channel.k8s.io"}}
		if c, err := upgrader.Upgrade(w, req, nil); err == nil {
			_ = c.Close()
		}
	})
	config, err := rest.TLSConfigFor(rest.AnonymousClientConfig(r.admin))
	if err != nil {
		t.Fatal(err)
	}
	dial := func(token string) (*http.Response, error) {
		dialer := websocket.Dialer{TLSClientConfig: config, Subprotocols: []string{
			"base64url.bearer.authorization.k8s.io." + base64.RawURLEncoding.EncodeToString([]byte(token)), "v5.channel.k8s.io",
		}}
		c, resp, err := dialer.DialContext(t.Context(), "wss"+strings.TrimPrefix(r.aggregator.URL(), "https")+widgetPath+"/a/exec", nil)
		if err == nil {
			err = c.Close()
		}
		return resp, err
	}
	if resp, err := dial(r.accountToken()); err != nil {
		t.Fatalf("%v: %+v", err, resp)
	}
	if got, want := <-users, (seen{"system:serviceaccount:default:default", "v5.channel.k8s.io"}); got != want {
		t.Errorf("the backend saw %+v, want %+v", got, want)
	}
	if resp, err := dial("unknown"); err == nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("an unknown token: %v %+v", err, resp)
	}
}

func TestRootCAVerifiesKagg(t *testing.T) {
	t.Parallel()
	given := func(c *aggregator.Config) {
		other, err := pki.Ensure(t.TempDir(), pki.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c.ServingCertFile, c.ServingKeyFile = other.Serving.CertFile, other.Serving.KeyFile
	}
	for name, change := range map[string]func(*aggregator.Config){"made": nil, "given": given} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, change)
			m, err := r.clientset().CoreV1().ConfigMaps("widgets").Get(t.Context(), "kube-root-ca.crt", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !x509.NewCertPool().AppendCertsFromPEM([]byte(m.Data["ca.crt"])) {
				t.Fatalf("no certificates: %q", m.Data)
			}
			client, err := rest.HTTPClientFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{CAData: []byte(m.Data["ca.crt"])}})
			if err != nil {
				t.Fatal(err)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.aggregator.URL()+"/livez", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.do(client, req); got.status != http.StatusOK {
				t.Error(got)
			}
		})
	}
}

func TestIssuerDiscovery(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	keys := r.get("/openid/v1/jwks")
	if keys.status != http.StatusOK || keys.header.Get("Content-Type") != "application/jwk-set+json" || keys.header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("the keys: %v", keys)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(keys.body), &set); err != nil || len(set.Keys) != 1 {
		t.Fatal(keys.body, err)
	}
	key := set.Keys[0]
	if key["use"] != "sig" || key["kty"] != "EC" || key["crv"] != "P-256" || key["alg"] != "ES256" || key["d"] != "" {
		t.Errorf("the key: %v", key)
	}
	header, err := base64.RawURLEncoding.DecodeString(strings.Split(r.accountToken(), ".")[0])
	if err != nil || string(header) != `{"alg":"ES256","kid":"`+key["kid"]+`"}` {
		t.Errorf("the token's header is %s, %v; the key is %s", header, err, key["kid"])
	}
	discovery := r.get("/.well-known/openid-configuration")
	if discovery.header.Get("Content-Type") != "application/json" || discovery.header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("the discovery document: %v", discovery)
	}
	want := `{"issuer":"https://kubernetes.default.svc.cluster.local","jwks_uri":"` + r.aggregator.URL() + `/openid/v1/jwks",` +
		`"response_types_supported":["id_token"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["ES256"]}`
	if d := cmp.Diff(want, discovery.body); d != "" {
		t.Error(d)
	}
	bare := newRig(t, func(c *aggregator.Config) { c.ServiceAccounts.Issuers = []string{"kagg"} })
	if got := bare.get("/.well-known/openid-configuration"); got.status != http.StatusNotFound {
		t.Errorf("an issuer that is no URL has a discovery document: %v", got)
	}
}

func TestSeveralKeysAndIssuers(t *testing.T) {
	t.Parallel()
	old := newRig(t, nil)
	r := newRig(t, func(c *aggregator.Config) {
		c.ServiceAccounts.KeyFiles = []string{old.aggregator.State().ServiceAccountKey}
		c.ServiceAccounts.Issuers = []string{"https://new.example.com", "https://old.example.com"}
		c.ServiceAccounts.APIAudiences = []string{"https://api.example.com"}
	})
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(r.get("/openid/v1/jwks").body), &set); err != nil || len(set.Keys) != 2 {
		t.Errorf("the keys are %v %v, want both", set, err)
	}
	req, err := r.clientset().AuthenticationV1().TokenReviews().Create(t.Context(),
		&authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: r.accountToken()}}, metav1.CreateOptions{})
	if err != nil || !req.Status.Authenticated || len(req.Status.Audiences) != 1 || req.Status.Audiences[0] != "https://api.example.com" {
		t.Errorf("got %v %v", req, err)
	}
	info, err := os.Stat(r.aggregator.State().ServiceAccountKey)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v %v", info, err)
	}
}

func TestTokenIsVoidAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	core := r.clientset().CoreV1()
	if _, err := core.ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	made, err := core.ServiceAccounts("default").CreateToken(t.Context(), "robot", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() int {
		return r.post(r.clientWith(nil), selfReviews, []byte(`{}`), "Authorization", "Bearer "+made.Status.Token).status
	}
	if got := ask(); got != http.StatusCreated {
		t.Fatal(got)
	}
	if err := core.ServiceAccounts("default").Delete(t.Context(), "robot", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != http.StatusUnauthorized {
		t.Errorf("the token of a deleted ServiceAccount: %d", got)
	}
}

package delegate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/serviceaccount"
)

const apiAudience = "https://kubernetes.default.svc"

// accounts is a server whose clock a test can turn.
type accounts struct {
	*kubernetes.Clientset
	t       *testing.T
	server  *delegate.Server
	tokens  *serviceaccount.Tokens
	advance atomic.Int64
}

func newAccounts(t *testing.T, change func(*serviceaccount.Config)) *accounts {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &accounts{t: t}
	c := serviceaccount.Config{SigningKey: key, Issuers: []string{apiAudience}, Now: func() time.Time {
		return time.Now().Add(time.Duration(a.advance.Load()))
	}}
	if change != nil {
		change(&c)
	}
	if a.tokens, err = serviceaccount.New(c); err != nil {
		t.Fatal(err)
	}
	a.server = newServer(t, func(c *delegate.Config) {
		c.ServiceAccounts, c.APIAudiences = a.tokens, a.tokens.Audiences()
		c.Authenticator = group.NewAuthenticatedGroupAdder(bearertoken.New(a.tokens))
		c.RootCA = func() []byte { return []byte("root CA") }
	})
	a.Clientset = clientset(t, a.server)
	return a
}

// request asks for a token of the ServiceAccount default/default.
func (a *accounts) request(spec authenticationv1.TokenRequestSpec) (*authenticationv1.TokenRequest, error) {
	return a.CoreV1().ServiceAccounts("default").CreateToken(a.t.Context(), "default", &authenticationv1.TokenRequest{Spec: spec}, metav1.CreateOptions{})
}

func (a *accounts) token(spec authenticationv1.TokenRequestSpec) string {
	a.t.Helper()
	r, err := a.request(spec)
	if err != nil {
		a.t.Fatal(err)
	}
	return r.Status.Token
}

func (a *accounts) review(token string, audiences ...string) authenticationv1.TokenReviewStatus {
	a.t.Helper()
	r, err := a.AuthenticationV1().TokenReviews().Create(a.t.Context(), &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: audiences},
	}, metav1.CreateOptions{})
	if err != nil {
		a.t.Fatal(err)
	}
	return r.Status
}

func (a *accounts) wantRefused(token, text string) {
	a.t.Helper()
	if d := cmp.Diff(authenticationv1.TokenReviewStatus{Error: text}, a.review(token)); d != "" {
		a.t.Error(d)
	}
}

func boundTo(kind, name string) authenticationv1.TokenRequestSpec {
	return authenticationv1.TokenRequestSpec{BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: kind, Name: name}}
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func TestTokenOfAServiceAccount(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	sa, err := a.CoreV1().ServiceAccounts("default").Get(t.Context(), "default", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	r, err := a.request(authenticationv1.TokenRequestSpec{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(authenticationv1.TokenRequestSpec{Audiences: []string{apiAudience}, ExpirationSeconds: ptr.To[int64](3600)}, r.Spec); d != "" {
		t.Error(d)
	}
	// Given at any moment of the request; the time is in whole seconds.
	ends, after := r.Status.ExpirationTimestamp.Time, time.Now()
	if ends.Before(before.Add(time.Hour-time.Second)) || ends.After(after.Add(time.Hour+time.Second)) {
		t.Errorf("asked for at %s, the token ends at %s, want an hour later", before, ends)
	}
	claims := claimsOf(t, r.Status.Token)
	jti := claims["jti"]
	for _, name := range []string{"jti", "exp", "iat", "nbf"} {
		if claims[name] == nil {
			t.Errorf("no claim %s", name)
		}
		delete(claims, name)
	}
	if d := cmp.Diff(map[string]any{
		"iss": apiAudience, "aud": []any{apiAudience}, "sub": "system:serviceaccount:default:default",
		"kubernetes.io": map[string]any{"namespace": "default", "serviceaccount": map[string]any{"name": "default", "uid": string(sa.UID)}},
	}, claims); d != "" {
		t.Error(d)
	}
	want := authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: []string{apiAudience}, User: authenticationv1.UserInfo{
		Username: "system:serviceaccount:default:default", UID: string(sa.UID),
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"},
		Extra:  map[string]authenticationv1.ExtraValue{"authentication.kubernetes.io/credential-id": {"JTI=" + fmt.Sprint(jti)}},
	}}
	if d := cmp.Diff(want, a.review(r.Status.Token)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(want, a.review(r.Status.Token, "other", apiAudience)); d != "" {
		t.Error("with another audience too:", d)
	}
	if d := cmp.Diff(authenticationv1.TokenReviewStatus{
		Error: `token audiences ["` + apiAudience + `"] is invalid for the target audiences ["other"]`,
	}, a.review(r.Status.Token, "other")); d != "" {
		t.Error(d)
	}
}

func TestTokenEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		spec authenticationv1.TokenRequestSpec
		end  func(a *accounts) error
		want string
	}{
		{"in time", authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](600)}, func(a *accounts) error {
			a.advance.Store(int64(662 * time.Second)) // beyond the leeway of a minute
			return nil
		}, "service account token has expired"},
		{"before its time", authenticationv1.TokenRequestSpec{}, func(a *accounts) error {
			a.advance.Store(int64(-time.Hour)) // beyond the leeway, however long ago the token was made
			return nil
		}, "service account token is not valid yet"},
		{"with its ServiceAccount", authenticationv1.TokenRequestSpec{}, func(a *accounts) error {
			return a.CoreV1().ServiceAccounts("default").Delete(a.t.Context(), "default", metav1.DeleteOptions{})
		}, ""}, // another of the name comes at once: the text differs
		{"with its Secret", boundTo("Secret", "s"), func(a *accounts) error {
			return a.CoreV1().Secrets("default").Delete(a.t.Context(), "s", metav1.DeleteOptions{})
		}, "service account token has been invalidated"},
		{"with its Node", boundTo("Node", "n"), func(a *accounts) error {
			return a.CoreV1().Nodes().Delete(a.t.Context(), "n", metav1.DeleteOptions{})
		}, "service account token has been invalidated"},
		{"with its Pod", boundTo("Pod", "p"), func(a *accounts) error {
			return a.CoreV1().Pods("default").Delete(a.t.Context(), "p", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
		}, "service account token has been invalidated"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newAccounts(t, nil)
			a.createBound()
			token := a.token(tt.spec)
			if got := a.review(token); !got.Authenticated {
				t.Fatalf("a new token is no good: %v", got)
			}
			if err := tt.end(a); err != nil {
				t.Fatal(err)
			}
			got := a.review(token)
			if got.Authenticated || got.Error == "" || tt.want != "" && got.Error != tt.want {
				t.Errorf("got %v, want %q", got, tt.want)
			}
		})
	}
}

// createBound creates a Secret, a Node, and a Pod on it.
func (a *accounts) createBound() {
	a.t.Helper()
	ctx := a.t.Context()
	_, err := a.CoreV1().Secrets("default").Create(ctx, &corev1.Secret{ObjectMeta: object("s")}, metav1.CreateOptions{})
	if err == nil {
		_, err = a.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: object("n")}, metav1.CreateOptions{})
	}
	if err == nil {
		_, err = a.CoreV1().Pods("default").Create(ctx, &corev1.Pod{ObjectMeta: object("p"), Spec: corev1.PodSpec{
			NodeName: "n", ServiceAccountName: "default", Containers: []corev1.Container{{Name: "c", Image: "i"}},
		}}, metav1.CreateOptions{})
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

func TestBoundTokenSaysToWhat(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	a.createBound()
	pod, err := a.CoreV1().Pods("default").Get(t.Context(), "p", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	node, err := a.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	onNode := map[string]authenticationv1.ExtraValue{
		"authentication.kubernetes.io/node-name": {"n"}, "authentication.kubernetes.io/node-uid": {string(node.UID)},
	}
	inPod := map[string]authenticationv1.ExtraValue{
		"authentication.kubernetes.io/node-name": {"n"}, "authentication.kubernetes.io/node-uid": {string(node.UID)},
		"authentication.kubernetes.io/pod-name": {"p"}, "authentication.kubernetes.io/pod-uid": {string(pod.UID)},
	}
	for kind, want := range map[string]map[string]authenticationv1.ExtraValue{"Node": onNode, "Pod": inPod, "Secret": {}} {
		name := strings.ToLower(kind[:1])
		got := a.review(a.token(boundTo(kind, name))).User.Extra
		delete(got, "authentication.kubernetes.io/credential-id")
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", kind, d)
		}
	}
	// The pod's token goes with the pod, not with its node.
	token := a.token(boundTo("Pod", "p"))
	if err := a.CoreV1().Nodes().Delete(t.Context(), "n", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := a.review(token); !got.Authenticated {
		t.Errorf("the pod's token went with the node: %v", got)
	}
}

func TestTokenRequestsRefused(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	a.createBound()
	if _, err := a.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: object("other")}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	sa, err := a.CoreV1().ServiceAccounts("default").Get(t.Context(), "default", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	withUID := boundTo("Secret", "s")
	withUID.BoundObjectRef.UID = "no"
	elsewhere := boundTo("ValidatingWebhookConfiguration", "w")
	elsewhere.BoundObjectRef.APIVersion = "admissionregistration.k8s.io/v1"
	tests := []struct {
		name, account string
		meta          metav1.ObjectMeta
		spec          authenticationv1.TokenRequestSpec
		want          string
	}{
		{name: "short", spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](599)},
			want: `TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes`},
		{name: "long", spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](1<<32 + 1)},
			want: `TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds`},
		{name: "no account", account: "nobody", want: `serviceaccounts "nobody" not found`},
		{name: "another name", meta: object("other"),
			want: `TokenRequest.authentication.k8s.io "default" is invalid: metadata.name: Invalid value: "other": must match the service account name if specified`},
		{name: "another UID", meta: metav1.ObjectMeta{UID: "no"},
			want: `Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "default": the UID in the token request (no) does not match the UID of the service account (` + string(sa.UID) + `)`},
		{name: "no pod", spec: boundTo("Pod", "q"), want: `pods "q" not found`},
		{name: "another's pod", account: "other", spec: boundTo("Pod", "p"),
			want: `cannot bind token for serviceaccount "other" to pod running with different serviceaccount name.`},
		{name: "to a ConfigMap", spec: boundTo("ConfigMap", "c"), want: "cannot bind token to object of type /v1, Kind=ConfigMap"},
		{name: "to a webhook", spec: elsewhere,
			want: "cannot bind token to object of type admissionregistration.k8s.io/v1, Kind=ValidatingWebhookConfiguration (feature gate APIServerWebhookAuthenticationToken is disabled)"},
		{name: "to another UID", spec: withUID,
			want: `Operation cannot be fulfilled on Secret "s": the UID in the bound object reference (no) does not match the UID in record. The object might have been deleted and then recreated`},
	}
	for _, tt := range tests {
		account := tt.account
		if account == "" {
			account = "default"
		}
		_, err := a.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), account,
			&authenticationv1.TokenRequest{ObjectMeta: tt.meta, Spec: tt.spec}, metav1.CreateOptions{})
		if text := errorText(err); text != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, text, tt.want)
		}
	}
}

func TestTokenLifetimes(t *testing.T) {
	t.Parallel()
	lives := func(t *testing.T, a *accounts, spec authenticationv1.TokenRequestSpec, asked int64) (claimed float64, warns bool) {
		t.Helper()
		spec.ExpirationSeconds = &asked
		claims := claimsOf(t, a.token(spec))
		private, _ := claims["kubernetes.io"].(map[string]any)
		exp, _ := claims["exp"].(float64)
		iat, _ := claims["iat"].(float64)
		return exp - iat, private["warnafter"] != nil
	}
	const year = 365 * 24 * 60 * 60
	for _, tt := range []struct {
		name   string
		change func(*serviceaccount.Config)
		spec   authenticationv1.TokenRequestSpec
		asked  int64
		want   float64
		warns  bool
	}{
		{"a kubelet's", nil, boundTo("Pod", "p"), 3607, year, true},
		{"a kubelet's, not extended", func(c *serviceaccount.Config) { c.FixedExpiration = true }, boundTo("Pod", "p"), 3607, 3607, false},
		{"a pod's other", nil, boundTo("Pod", "p"), 3608, 3608, false},
		{"without a pod", nil, authenticationv1.TokenRequestSpec{}, 3607, 3607, false},
		{"shortened", func(c *serviceaccount.Config) { c.MaxExpiration = time.Hour }, authenticationv1.TokenRequestSpec{}, 7200, 3600, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newAccounts(t, tt.change)
			a.createBound()
			if got, warns := lives(t, a, tt.spec, tt.asked); got != tt.want || warns != tt.warns {
				t.Errorf("got %v s, warns %t; want %v s, warns %t", got, warns, tt.want, tt.warns)
			}
		})
	}
}

func TestRequestNamesTheUID(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	sa, err := a.CoreV1().ServiceAccounts("default").Get(t.Context(), "default", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := a.CoreV1().ServiceAccounts("default").CreateToken(t.Context(), "default",
		&authenticationv1.TokenRequest{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: "default", UID: types.UID(string(sa.UID))}}, metav1.CreateOptions{})
	if err != nil || r.UID != sa.UID || r.Name != "default" || r.Namespace != "default" || r.CreationTimestamp.IsZero() {
		t.Errorf("got %v %v", r, err)
	}
}

package delegate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/kubernetes"

	"github.com/kagg-project/kagg/delegate"
)

// only lets one user do everything and denies one path.
type only string

func (o only) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	switch {
	case a.GetUser().GetName() == string(o):
		return authorizer.DecisionAllow, "it is " + string(o), nil
	case a.GetPath() == "/denied":
		return authorizer.DecisionDeny, "denied", errors.New("why")
	default:
		return authorizer.DecisionNoOpinion, "", nil
	}
}

func (o only) RulesFor(_ context.Context, u user.Info, ns string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	return []authorizer.ResourceRuleInfo{&authorizer.DefaultResourceRuleInfo{Verbs: []string{"get"}, Resources: []string{u.GetName() + ns}}},
		[]authorizer.NonResourceRuleInfo{&authorizer.DefaultNonResourceRuleInfo{Verbs: []string{"get"}, NonResourceURLs: []string{"/x"}}}, false, nil
}

func TestReviews(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *delegate.Config) {
		c.Authorizer = only("system:apiserver")
		c.Authenticator = bearertoken.New(authenticator.TokenFunc(func(ctx context.Context, token string) (*authenticator.Response, bool, error) {
			if token != "good" {
				return nil, false, errors.New("unknown token")
			}
			audiences, _ := authenticator.AudiencesFrom(ctx)
			return &authenticator.Response{Audiences: audiences.Intersect(authenticator.Audiences{"api"}), User: &user.DefaultInfo{
				Name: "ann", UID: "7", Groups: []string{"g"}, Extra: map[string][]string{"k": {"v"}},
			}}, true, nil
		}))
	})
	for _, contentType := range []string{"application/json", "application/vnd.kubernetes.protobuf"} {
		config := s.ClientConfig()
		config.ContentType = contentType
		c, err := kubernetes.NewForConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(contentType, func(t *testing.T) {
			t.Parallel()
			checkTokenReviews(t, c)
			checkAccessReviews(t, c)
		})
	}
}

func checkTokenReviews(t *testing.T, c *kubernetes.Clientset) {
	t.Helper()
	good, err := c.AuthenticationV1().TokenReviews().Create(t.Context(), &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: "good", Audiences: []string{"api", "other"}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: []string{"api"}, User: authenticationv1.UserInfo{
		Username: "ann", UID: "7", Groups: []string{"g"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}},
	}}
	if d := cmp.Diff(want, good.Status); d != "" {
		t.Error(d)
	}
	bad, err := c.AuthenticationV1().TokenReviews().Create(t.Context(), &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: "bad"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(authenticationv1.TokenReviewStatus{Error: "unknown token"}, bad.Status); d != "" {
		t.Error(d)
	}
	self, err := c.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil || self.Status.UserInfo.Username != "system:apiserver" {
		t.Errorf("SelfSubjectReview: %v %v", self, err)
	}
}

func checkAccessReviews(t *testing.T, c *kubernetes.Clientset) {
	t.Helper()
	ask := func(spec authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
		r, err := c.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
		return r.Status, err
	}
	res := &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods"}
	tests := []struct {
		name string
		spec authorizationv1.SubjectAccessReviewSpec
		want authorizationv1.SubjectAccessReviewStatus
		err  string
	}{
		{"allowed", authorizationv1.SubjectAccessReviewSpec{User: "system:apiserver", ResourceAttributes: res},
			authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "it is system:apiserver"}, ""},
		{"no opinion", authorizationv1.SubjectAccessReviewSpec{User: "ann", ResourceAttributes: res}, authorizationv1.SubjectAccessReviewStatus{}, ""},
		{"denied", authorizationv1.SubjectAccessReviewSpec{User: "ann", NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: "/denied"}},
			authorizationv1.SubjectAccessReviewStatus{Denied: true, Reason: "denied", EvaluationError: "why"}, ""},
		{"nobody", authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: res}, authorizationv1.SubjectAccessReviewStatus{},
			`.authorization.k8s.io "" is invalid: spec.user: Invalid value: "": at least one of user or group must be specified`},
	}
	for _, tt := range tests {
		got, err := ask(tt.spec)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Error(tt.name, d)
		}
		if text := errorText(err); text != tt.err {
			t.Errorf("%s: got %s, want %s", tt.name, text, tt.err)
		}
	}
	local, err := c.AuthorizationV1().LocalSubjectAccessReviews("default").Create(t.Context(), &authorizationv1.LocalSubjectAccessReview{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default"},
		Spec:       authorizationv1.SubjectAccessReviewSpec{User: "system:apiserver", ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: "default"}},
	}, metav1.CreateOptions{})
	if err != nil || !local.Status.Allowed {
		t.Errorf("LocalSubjectAccessReview: %v %v", local, err)
	}
	rules, err := c.AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(), &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "n"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]authorizationv1.ResourceRule{{Verbs: []string{"get"}, Resources: []string{"system:apiservern"}}}, rules.Status.ResourceRules); d != "" {
		t.Error(d)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

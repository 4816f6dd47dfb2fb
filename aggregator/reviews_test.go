package aggregator_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// contentTypes are those of a built-in resource.
var contentTypes = []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"}

func encode(t *testing.T, contentType string, obj runtime.Object, gv schema.GroupVersion) []byte {
	t.Helper()
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), contentType)
	if !ok {
		t.Fatal("no serializer of", contentType)
	}
	data, err := runtime.Encode(scheme.Codecs.EncoderForVersion(info.Serializer, gv), obj)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decode(t *testing.T, contentType, body string) runtime.Object {
	t.Helper()
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), contentType)
	if !ok {
		t.Fatal("no serializer of", contentType)
	}
	obj, _, err := info.Serializer.Decode([]byte(body), nil, nil)
	if err != nil {
		t.Fatalf("%s: %v: %q", contentType, err, body)
	}
	return obj
}

// Every review is asked and answered in every form, with each form of question in each form of answer.
func TestReviewsInEveryForm(t *testing.T) {
	t.Parallel()
	r := newRig(t, withTokens(t))
	pods := &authorizationv1.ResourceAttributes{Namespace: "default", Verb: "get", Resource: "pods"}
	account := r.accountToken()
	authn, authz := authenticationv1.SchemeGroupVersion, authorizationv1.SchemeGroupVersion
	tests := []struct {
		path   string
		ask    runtime.Object
		gv     schema.GroupVersion
		answer func(runtime.Object) any
		want   any
	}{
		{"/apis/authentication.k8s.io/v1/tokenreviews", &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: account}}, authn,
			func(o runtime.Object) any { return o.(*authenticationv1.TokenReview).Status.User.Username }, "system:serviceaccount:default:default"},
		// A static token is good for every audience.
		{"/apis/authentication.k8s.io/v1/tokenreviews", &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{
			Token: "secret", Audiences: []string{"other", "https://kubernetes.default.svc.cluster.local"},
		}}, authn, func(o runtime.Object) any { return o.(*authenticationv1.TokenReview).Status }, authenticationv1.TokenReviewStatus{
			Authenticated: true, Audiences: []string{"https://kubernetes.default.svc.cluster.local"},
			User: authenticationv1.UserInfo{Username: "alice", UID: "1", Groups: []string{"dev", "ops", "system:authenticated"}},
		}},
		{selfReviews, &authenticationv1.SelfSubjectReview{}, authn,
			func(o runtime.Object) any { return o.(*authenticationv1.SelfSubjectReview).Status.UserInfo.Username }, "kubernetes-admin"},
		{"/apis/authorization.k8s.io/v1/subjectaccessreviews", &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: "jane", ResourceAttributes: pods}}, authz,
			func(o runtime.Object) any { return o.(*authorizationv1.SubjectAccessReview).Status.Allowed }, true},
		{"/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews", &authorizationv1.LocalSubjectAccessReview{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default"}, Spec: authorizationv1.SubjectAccessReviewSpec{User: "jane", ResourceAttributes: pods},
		}, authz, func(o runtime.Object) any { return o.(*authorizationv1.LocalSubjectAccessReview).Status.Allowed }, true},
		{"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: pods}}, authz,
			func(o runtime.Object) any { return o.(*authorizationv1.SelfSubjectAccessReview).Status.Allowed }, true},
		{"/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "default"}}, authz,
			func(o runtime.Object) any { return o.(*authorizationv1.SelfSubjectRulesReview).Status.ResourceRules }, []authorizationv1.ResourceRule{
				{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
			}},
		{"/api/v1/namespaces/default/serviceaccounts/default/token", &authenticationv1.TokenRequest{}, authn,
			func(o runtime.Object) any { return strings.Count(o.(*authenticationv1.TokenRequest).Status.Token, ".") }, 2},
	}
	for _, tt := range tests {
		for _, asked := range contentTypes {
			for _, answered := range contentTypes {
				for _, query := range []string{"", "?dryRun=All"} {
					got := r.post(r.client, tt.path+query, encode(t, asked, tt.ask, tt.gv), "Content-Type", asked, "Accept", answered)
					if got.status != http.StatusCreated || got.header.Get("Content-Type") != answered {
						t.Errorf("%s in %s, answered in %s: %v", tt.path+query, asked, answered, got)
						continue
					}
					if d := cmp.Diff(tt.want, tt.answer(decode(t, answered, got.body))); d != "" {
						t.Errorf("%s in %s, answered in %s: %s", tt.path+query, asked, answered, d)
					}
				}
			}
		}
	}
}

func TestReviewsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const authz, invalid = "/apis/authorization.k8s.io/v1/", `.authorization.k8s.io "" is invalid: `
	const exactlyOne = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
	tests := []struct {
		path, body string
		code       int
		message    string
	}{
		{authz + "subjectaccessreviews", `{"spec":{}}`, 422, invalid + `[spec: Invalid value: null: ` + exactlyOne + `, spec.user: Invalid value: "": at least one of user or group must be specified]`},
		{authz + "subjectaccessreviews", `{"spec":{"user":"a","resourceAttributes":{},"nonResourceAttributes":{"path":"/p","verb":"get"}}}`, 422,
			invalid + `spec: Invalid value: {"Path":"/p","Verb":"get"}: ` + exactlyOne},
		{authz + "selfsubjectaccessreviews", `{"spec":{}}`, 422, invalid + `spec: Invalid value: null: ` + exactlyOne},
		{authz + "selfsubjectaccessreviews", `{"metadata":{"name":"a"},"spec":{"resourceAttributes":{}}}`, 422, ""},
		{authz + "selfsubjectaccessreviews", `{"spec":{"resourceAttributes":{"fieldSelector":{}}}}`, 422,
			invalid + `spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required`},
		{authz + "selfsubjectaccessreviews", `{"spec":{"resourceAttributes":{"labelSelector":{"rawSelector":"a=b","requirements":[{"key":"a","operator":"In"}]}}}}`, 422,
			invalid + `[spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements, ` +
				"spec.resourceAttributes.labelSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn']"},
		{authz + "namespaces/default/localsubjectaccessreviews", `{"metadata":{"namespace":"default"},"spec":{"user":"a","resourceAttributes":{"namespace":"other"}}}`, 422,
			invalid + `spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace`},
		{authz + "namespaces/default/localsubjectaccessreviews", `{"metadata":{"namespace":"default"},"spec":{"user":"a","nonResourceAttributes":{"path":"/p","verb":"get"}}}`, 422,
			invalid + `spec.nonResourceAttributes: Invalid value: {"Path":"/p","Verb":"get"}: disallowed on this kind of request`},
		{authz + "selfsubjectrulesreviews", `{"spec":{}}`, 400, "no namespace on request"},
		{"/apis/authentication.k8s.io/v1/tokenreviews", `{"spec":{}}`, 400, "token is required for TokenReview in authentication"},
	}
	for _, tt := range tests {
		got := r.post(r.client, tt.path, []byte(tt.body))
		var status struct {
			Code    int
			Message string
		}
		if err := json.Unmarshal([]byte(got.body), &status); err != nil {
			t.Fatal(got, err)
		}
		if got.status != tt.code || status.Code != tt.code || tt.message != "" && status.Message != tt.message {
			t.Errorf("%s %s:\ngot  %d %s\nwant %d %s", tt.path, tt.body, got.status, status.Message, tt.code, tt.message)
		}
	}
}

func TestSelectorsLeftOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for selector, want := range map[string]string{
		`"fieldSelector":{"rawSelector":"a"}`: "spec.resourceAttributes.fieldSelector ignored due to parse error",
		`"fieldSelector":{"requirements":[{"key":"a","operator":"New"},{"key":"b","operator":"In","values":["c"]}]}`:               "spec.resourceAttributes.fieldSelector partially ignored due to parse error",
		`"labelSelector":{"requirements":[{"key":"a","operator":"New"}]},"fieldSelector":{"rawSelector":"!"}`:                      "spec.resourceAttributes.fieldSelector ignored due to parse error; spec.resourceAttributes.labelSelector ignored due to parse error",
		`"labelSelector":{"rawSelector":"a in (b)"},"fieldSelector":{"requirements":[{"key":"a","operator":"In","values":["b"]}]}`: "",
	} {
		got := r.post(r.client, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", []byte(`{"spec":{"resourceAttributes":{`+selector+`}}}`))
		var review authorizationv1.SelfSubjectAccessReview
		if err := json.NewDecoder(bytes.NewReader([]byte(got.body))).Decode(&review); err != nil || got.status != http.StatusCreated {
			t.Fatal(got, err)
		}
		if review.Status.EvaluationError != want {
			t.Errorf("%s: got %q, want %q", selector, review.Status.EvaluationError, want)
		}
	}
}

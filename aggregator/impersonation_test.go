package aggregator

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/kagg-project/kagg/delegate"
)

// allowed lets the user alice impersonate what it lists, as "[verb ]resource[/subresource] [namespace/]name", and
// everyone do everything else.
type allowed []string

func (l allowed) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if !strings.HasPrefix(a.GetVerb(), "impersonate") {
		return authorizer.DecisionAllow, "", nil
	}
	what := a.GetResource()
	if a.GetSubresource() != "" {
		what += "/" + a.GetSubresource()
	}
	name := a.GetName()
	if a.GetNamespace() != "" {
		name = a.GetNamespace() + "/" + name
	}
	what += " " + name
	if a.GetVerb() != "impersonate" {
		what = a.GetVerb() + " " + what
	}
	if a.GetUser().GetName() == "alice" && slices.Contains(l, what) {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

func TestImpersonationIsAuthorized(t *testing.T) {
	t.Parallel()
	jane := []string{"Impersonate-User", "jane"}
	tests := []struct {
		name    string
		allowed allowed
		headers []string
		want    string // who the handler sees
		code    int
	}{
		{name: "nobody else", want: "alice  [dev] map[]", code: 200},
		{name: "a user", allowed: allowed{"users jane"}, headers: jane, want: "jane  [system:authenticated] map[]", code: 200},
		{name: "a user, forbidden", headers: jane, code: 403},
		{name: "groups", allowed: allowed{"users jane", "groups a", "groups b"}, headers: append(slices.Clone(jane), "Impersonate-Group", "a", "Impersonate-Group", "b"),
			want: "jane  [a b system:authenticated] map[]", code: 200},
		{name: "groups, one forbidden", allowed: allowed{"users jane", "groups a"}, headers: append(slices.Clone(jane), "Impersonate-Group", "a", "Impersonate-Group", "b"), code: 403},
		{name: "a UID", allowed: allowed{"users jane", "uids 7"}, headers: append(slices.Clone(jane), "Impersonate-Uid", "7"),
			want: "jane 7 [system:authenticated] map[]", code: 200},
		{name: "a UID, forbidden", allowed: allowed{"users jane"}, headers: append(slices.Clone(jane), "Impersonate-Uid", "7"), code: 403},
		{name: "extra", allowed: allowed{"users jane", "userextras/example.com/scope read", "userextras/example.com/scope write"},
			headers: append(slices.Clone(jane), "Impersonate-Extra-Example.com%2FScope", "read", "Impersonate-Extra-Example.com%2FScope", "write"),
			want:    "jane  [system:authenticated] map[example.com/scope:[read write]]", code: 200},
		{name: "extra, forbidden", allowed: allowed{"users jane", "userextras/example.com/scope read"},
			headers: append(slices.Clone(jane), "Impersonate-Extra-Example.com%2FScope", "write"), code: 403},
		{name: "a ServiceAccount", allowed: allowed{"serviceaccounts n/robot"}, headers: []string{"Impersonate-User", "system:serviceaccount:n:robot"},
			want: "system:serviceaccount:n:robot  [system:serviceaccounts system:serviceaccounts:n system:authenticated] map[]", code: 200},
		{name: "a ServiceAccount, forbidden", allowed: allowed{"serviceaccounts other/robot", "users system:serviceaccount:n:robot"}, headers: []string{"Impersonate-User", "system:serviceaccount:n:robot"}, code: 403},
		{name: "for one thing only", allowed: allowed{"impersonate-on:user-info:list pods ", "impersonate:user-info users jane"}, headers: jane,
			want: "jane  [system:authenticated] map[]", code: 200},
		{name: "for another thing only", allowed: allowed{"impersonate-on:user-info:get pods ", "impersonate:user-info users jane"}, headers: jane, code: 403},
		{name: "anonymous", allowed: allowed{"users system:anonymous"}, headers: []string{"Impersonate-User", "system:anonymous"},
			want: "system:anonymous  [system:unauthenticated] map[]", code: 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seen := ""
			h := chain{
				authentication: &authentication{request: authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
					return &authenticator.Response{User: &user.DefaultInfo{Name: "alice", Groups: []string{"dev"}}}, true, nil
				})},
				authorizer: authorizer.AuthorizerFunc(tt.allowed.Authorize), codecs: delegate.Codecs, requestInfo: newRequestInfoResolver(), stopping: t.Context(),
			}.handler(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				u, _ := request.UserFrom(req.Context())
				seen = fmt.Sprint(u.GetName(), " ", u.GetUID(), " ", u.GetGroups(), " ", u.GetExtra())
				for name := range req.Header {
					if strings.HasPrefix(name, "Impersonate-") {
						t.Errorf("the handler sees the header %s", name)
					}
				}
			}))
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/pods", http.NoBody)
			for i := 0; i+1 < len(tt.headers); i += 2 {
				req.Header.Add(tt.headers[i], tt.headers[i+1])
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if d := cmp.Diff(tt.want, seen); d != "" || w.Code != tt.code {
				t.Errorf("%d %s %s", w.Code, w.Body, d)
			}
			if tt.code == http.StatusForbidden && !strings.Contains(w.Body.String(), `User \"alice\" cannot impersonate-on:`) {
				t.Errorf("got %s", w.Body)
			}
		})
	}
}

package aggregator_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/recording"
)

// replayModes is the replay of a kagg without any object.
func replayModes(t *testing.T, modes ...string) *aggregator.Replay {
	t.Helper()
	replay, err := aggregator.NewReplay(&recording.Recording{Server: &recording.Server{AuthorizationModes: modes}, Local: &recording.Local{}})
	if err != nil {
		t.Fatal(err)
	}
	return replay
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	ann := &user.DefaultInfo{Name: "ann", Groups: []string{"pickers", user.AllAuthenticated}}
	for name, c := range map[string]struct {
		modes   []string
		who     aggregator.Requester
		allowed bool
		rule    string
		as      string
		says    string
	}{
		"the administrator":     {[]string{"RBAC"}, aggregator.Requester{}, true, "system-privileged-group", "kubernetes-admin", ""},
		"everyone":              {[]string{"AlwaysAllow"}, aggregator.Requester{User: ann}, true, "AlwaysAllow", "ann", ""},
		"nobody":                {[]string{"AlwaysDeny"}, aggregator.Requester{User: ann}, false, "authorization-no-opinion", "ann", "Everything is forbidden"},
		"the last of two modes": {[]string{"RBAC", "AlwaysAllow"}, aggregator.Requester{User: ann}, true, "AlwaysAllow", "ann", ""},
		"without a role":        {[]string{"RBAC"}, aggregator.Requester{User: ann}, false, "authorization-no-opinion", "ann", `user "ann" cannot list`},
		"as another":            {[]string{"RBAC"}, aggregator.Requester{As: "bob", AsGroups: []string{"a"}}, false, "authorization-no-opinion", "bob", `user "bob" cannot list`},
		"as another, refused":   {[]string{"RBAC"}, aggregator.Requester{User: ann, As: "bob"}, false, "impersonation-refused", "", `User "ann" cannot impersonate`},
		"as a ServiceAccount":   {[]string{"AlwaysAllow"}, aggregator.Requester{As: "system:serviceaccount:a:robot"}, true, "AlwaysAllow", "system:serviceaccount:a:robot", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := replayModes(t, c.modes...).Admit(t.Context(), "GET", "/apis/fruit.example/v1/namespaces/a/apples?limit=1", c.who)
			if err != nil {
				t.Fatal(err)
			}
			as := ""
			if got.User != nil {
				as = got.User.GetName()
			}
			if got.Allowed != c.allowed || got.Rule != c.rule || as != c.as || !strings.Contains(got.Reason, c.says) {
				t.Errorf("got %+v as %q", got, as)
			}
			if info := got.Info(); info.Meaning == "" || info.Upstream == "" {
				t.Errorf("rule %s is described in part", got.Rule)
			}
			if asksRBAC := slices.Contains(c.modes, "RBAC"); !got.Allowed && asksRBAC && as != "" && len(got.Mend) == 0 {
				t.Error("nothing says what would allow it")
			}
			if as != "" && (got.Attributes.GetVerb() != "list" || got.Attributes.GetResource() != "apples" || got.Attributes.GetNamespace() != "a") {
				t.Errorf("authorization is asked about %+v", got.Attributes)
			}
		})
	}
}

func TestAdmitRefusesWhatIsNoRequest(t *testing.T) {
	t.Parallel()
	replay := replayModes(t)
	for _, c := range [][2]string{{"GET", "apis"}, {"GET", "/%zz"}, {"G T", "/"}} {
		if got, err := replay.Admit(t.Context(), c[0], c[1], aggregator.Requester{}); err == nil {
			t.Errorf("%q gives %+v", c, got)
		}
	}
	failing := *replay
	failing.Authorizer = authorizer.AuthorizerFunc(func(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
		return authorizer.DecisionNoOpinion, "", context.Canceled
	})
	if _, err := failing.Admit(t.Context(), "GET", "/", aggregator.Requester{}); err == nil {
		t.Error("an authorizer that fails is no error")
	}
}

// The administrator is who the kubeconfig names, as a backend of a running kagg sees him.
func TestAdminIsWhoTheKubeconfigNames(t *testing.T) {
	t.Parallel()
	admin := aggregator.Admin()
	if admin.GetName() != "kubernetes-admin" || !slices.Equal(admin.GetGroups(), []string{user.SystemPrivilegedGroup, user.AllAuthenticated}) {
		t.Errorf("the administrator is %+v", admin)
	}
}

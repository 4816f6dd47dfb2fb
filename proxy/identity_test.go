package proxy

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/transport"
)

func TestIdentityHeaders(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		user user.DefaultInfo
		want http.Header
	}{
		{"name only", user.DefaultInfo{Name: "jane"}, http.Header{"X-Remote-User": {"jane"}}},
		{"no name", user.DefaultInfo{}, http.Header{"X-Remote-User": {""}}},
		{
			"all", user.DefaultInfo{
				Name: "system:admin", UID: "1", Groups: []string{"b", "a", "b"},
				Extra: map[string][]string{
					"scopes": {"x", "y"}, "authentication.kubernetes.io/credential-id": {"JTI=1"},
					"Upper": {"u"}, "a%b c": {"p"}, "naïve": {"é"}, "empty": {},
				},
			},
			http.Header{
				"X-Remote-User": {"system:admin"}, "X-Remote-Uid": {"1"}, "X-Remote-Group": {"b", "a", "b"},
				"X-Remote-Extra-Scopes": {"x", "y"},
				"X-Remote-Extra-Authentication.kubernetes.io%2fcredential-Id": {"JTI=1"},
				"X-Remote-Extra-Upper":      {"u"},
				"X-Remote-Extra-A%25b%20c":  {"p"},
				"X-Remote-Extra-Na%c3%afve": {"é"},
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := IdentityHeaders(&tc.user)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			clientGo := &http.Request{Header: http.Header{}}
			transport.SetAuthProxyHeaders(clientGo, tc.user.Name, tc.user.UID, tc.user.Groups, tc.user.Extra)
			if diff := cmp.Diff(clientGo.Header, got); diff != "" {
				t.Errorf("(-client-go +got):\n%s", diff)
			}
		})
	}
}

func TestStrip(t *testing.T) {
	t.Parallel()
	s := newStripper([]string{"Remote_User", " X-Auth ", ""}, []string{"X-Extra-", " "})
	h := http.Header{}
	stripped := []string{
		"Authorization", "authorization", "Proxy-Authorization", "X-Remote-User", "x-remote-user", "X_Remote_User", "X-REMOTE_GROUP", "x_remote-extra-A",
		"X-Remote-", "Remote-User", "REMOTE_USER", "X-Auth", "x_auth", "X-Extra-A", "x_extra_", "X-Extra-",
	}
	kept := []string{"Accept", "X-Auth-Request", "X-Remot", "X-Remoted", "Remote-Users", "X-Extra", "Impersonate-User", "X-Ｒemote-User"}
	for _, name := range slices.Concat(stripped, kept) {
		h[name] = []string{"v"}
	}
	s.strip(h)
	slices.Sort(kept)
	if diff := cmp.Diff(kept, slices.Sorted(maps.Keys(h))); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

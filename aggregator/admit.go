package aggregator

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/transport"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/rbac"
	"github.com/kagg-project/kagg/internal/inprocess"
	"github.com/kagg-project/kagg/internal/pki"
)

// AuthorizationInfo describes who decides what a user may do.
type AuthorizationInfo struct {
	Rule string `json:"rule"`
	// Meaning is one sentence.
	Meaning string `json:"meaning"`
	// Upstream is the package and file, a comma, and the function that decides
	// the same in Kubernetes.
	Upstream string `json:"upstream"`
}

// The rules of an Admission beside the authorization modes.
const (
	authorizedByGroup    = "system-privileged-group"
	authorizedByNobody   = "authorization-no-opinion"
	impersonationRefused = "impersonation-refused"
)

// authorizationInfos is read only.
var authorizationInfos = [...]AuthorizationInfo{
	{impersonationRefused, "who asks to be taken for another needs the verb impersonate for the user and for each group", "k8s.io/apiserver/pkg/endpoints/filters/impersonation/constrained_impersonation.go, WithConstrainedImpersonation"},
	{authorizedByGroup, "who is in the group system:masters may do everything", "k8s.io/apiserver/pkg/authorization/authorizerfactory/builtin.go, NewPrivilegedGroups"},
	{string(AuthorizationAlwaysAllow), "everyone who is let in may do everything", "k8s.io/apiserver/pkg/authorization/authorizerfactory/builtin.go, alwaysAllowAuthorizer.Authorize"},
	{string(AuthorizationRBAC), "a rule of a Role or ClusterRole that is bound to the user or a group allows it", "k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/rbac.go, Authorize"},
	{authorizedByNobody, "what nobody allows is refused", "k8s.io/apiserver/pkg/endpoints/filters/authorization.go, WithAuthorization"},
}

// AuthorizationRules returns every rule that an Admission may have. The slice is
// the caller's own.
func AuthorizationRules() []AuthorizationInfo { return slices.Clone(authorizationInfos[:]) }

// Requester is who sends a request.
type Requester struct {
	// User is who the credential names; nil is Admin.
	User user.Info
	// As, AsUID and AsGroups are who he asks to be taken for, as kubectl's flags
	// --as, --as-uid and --as-group; all empty for himself.
	As, AsUID string
	AsGroups  []string
}

// Admin returns the user of the kubeconfig that kagg writes, as the
// authentication of his client certificate makes him; the certificate's
// fingerprint is left out.
func Admin() user.Info {
	return &user.DefaultInfo{
		Name:   pki.AdminUser,
		Groups: []string{pki.AdminGroup, user.AllAuthenticated},
		Extra:  map[string][]string{user.CredentialIDKey: {"X509SHA256=<fingerprint of the client certificate>"}},
	}
}

// Admission is what becomes of a request before it is routed.
type Admission struct {
	// Requester is who sends it, User who he is taken for; User is nil where the
	// impersonation was refused.
	Requester, User user.Info
	// Path is the path of the request as routing sees it: without its query, and
	// with what was percent-encoded decoded.
	Path string
	// Attributes are what authorization is asked about; nil where User is.
	Attributes authorizer.Attributes
	// Allowed tells whether the request may go on.
	Allowed bool
	// Rule is one of AuthorizationRules, Reason what was said for it, if anything.
	Rule, Reason string
	// Mend are the commands that would allow it; nil where none are known.
	Mend []string
}

// Info returns what AuthorizationRules says of the rule.
func (a *Admission) Info() AuthorizationInfo {
	for _, info := range authorizationInfos {
		if info.Rule == a.Rule {
			return info
		}
	}
	return AuthorizationInfo{Rule: a.Rule}
}

// Admit says what becomes of a request for a path, which may have a query, before
// it is routed. It asks the same filters as the recorded kagg's requests pass. A
// path that is no URL's and a method that no request can have are errors.
func (r *Replay) Admit(ctx context.Context, method, path string, who Requester) (*Admission, error) {
	if who.User == nil {
		who.User = Admin()
	}
	if method == "" {
		return nil, errors.New("a request has a method: write GET, for example")
	}
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("path %q: begin with a slash", path)
	}
	target, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, fmt.Errorf("path %q is no URL's path: %w", path, err)
	}
	target.Scheme, target.Host = "http", "kagg"
	req, err := http.NewRequestWithContext(ctx, method, target.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	out := &Admission{Requester: who.User, Path: target.Path}
	last := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		out.User, _ = apirequest.UserFrom(req.Context())
		out.Attributes, err = genericapifilters.GetAuthorizerAttributes(req.Context())
	})
	chain := chain{authorizer: r.Authorizer, codecs: delegate.Codecs, requestInfo: newRequestInfoResolver()}
	identified := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		chain.withImpersonation(last).ServeHTTP(w, req.WithContext(apirequest.WithUser(req.Context(), who.User)))
	})
	rt := transport.NewImpersonatingRoundTripper(
		transport.ImpersonationConfig{UserName: who.As, UID: who.AsUID, Groups: who.AsGroups},
		inprocess.RoundTripper(genericapifilters.WithRequestInfo(identified, chain.requestInfo)))
	resp, sendErr := rt.RoundTrip(req)
	if sendErr != nil {
		return nil, sendErr
	}
	defer func() { _ = resp.Body.Close() }()
	body, sendErr := io.ReadAll(resp.Body)
	if sendErr != nil || err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, cmp.Or(sendErr, err))
	}
	if out.User == nil {
		out.Rule, out.Reason = impersonationRefused, statusMessage(body)
		return out, nil
	}
	return out, r.authorize(ctx, out)
}

// statusMessage returns the message of a metav1.Status, and a body that is none as
// it is.
func statusMessage(body []byte) string {
	var status metav1.Status
	if err := json.Unmarshal(body, &status); err == nil && status.Message != "" {
		return status.Message
	}
	return strings.TrimSpace(string(body))
}

// authorize asks the authorizer, and then each of those that it is made of, which
// it was.
func (r *Replay) authorize(ctx context.Context, a *Admission) error {
	decision, reason, err := r.Authorizer.Authorize(ctx, a.Attributes)
	if err != nil && decision != authorizer.DecisionAllow {
		return fmt.Errorf("authorization: %w", err)
	}
	a.Allowed, a.Reason, a.Rule = decision == authorizer.DecisionAllow, reason, authorizedByNobody
	for _, one := range r.authorizers {
		if by, _, _ := one.Authorizer.Authorize(ctx, a.Attributes); by == decision && decision != authorizer.DecisionNoOpinion {
			a.Rule = one.AuthorizerName
			break
		}
	}
	if !a.Allowed {
		a.Reason = strings.TrimSuffix(denied(a.Attributes)+": "+reason, ": ")
		if slices.ContainsFunc(r.authorizers, func(n namedAuthorizer) bool { return n.AuthorizerName == string(AuthorizationRBAC) }) {
			a.Mend = rbac.Hint(a.Attributes)
		}
	}
	return nil
}

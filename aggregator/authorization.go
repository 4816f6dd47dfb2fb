package aggregator

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/lru"

	"github.com/kagg-project/kagg/delegate/rbac"
)

// AuthorizationMode is a way to decide what a user may do.
type AuthorizationMode string

const (
	// AuthorizationAlwaysAllow lets everyone do everything who is let in.
	AuthorizationAlwaysAllow AuthorizationMode = "AlwaysAllow"
	// AuthorizationAlwaysDeny lets nobody do anything but system:masters.
	AuthorizationAlwaysDeny AuthorizationMode = "AlwaysDeny"
	// AuthorizationRBAC decides by the objects of rbac.authorization.k8s.io.
	AuthorizationRBAC AuthorizationMode = "RBAC"
)

// AuthorizationModes are the modes that there are.
func AuthorizationModes() []string {
	return []string{string(AuthorizationAlwaysAllow), string(AuthorizationAlwaysDeny), string(AuthorizationRBAC)}
}

// ParseAuthorizationModes returns the modes that values name, which are asked in
// this order. One that does not exist and one that is named twice are errors.
func ParseAuthorizationModes(values []string) ([]AuthorizationMode, error) {
	var out []AuthorizationMode
	for _, v := range values {
		mode := AuthorizationMode(v)
		if !slices.Contains(AuthorizationModes(), v) {
			return nil, fmt.Errorf("unknown authorization mode %q: kagg has %s", v, strings.Join(AuthorizationModes(), ", "))
		}
		if slices.Contains(out, mode) {
			return nil, fmt.Errorf("authorization mode %q is named twice: name it once", v)
		}
		out = append(out, mode)
	}
	return out, nil
}

type namedAuthorizer = union.NamedAuthorizer

// authorization decides what users may do who are let in.
type authorization struct {
	authorizer.Authorizer
	authorizer.RuleResolver

	// chain is who is asked, in order.
	chain []namedAuthorizer
	// rbac is nil where RBAC is not asked for.
	rbac    *rbac.Authorizer
	denials *denials
}

// newAuthorization composes the authorizers as a kube-apiserver does: who is in
// system:masters may do everything, then each mode in its order (k8s.io/kubernetes
// pkg/kubeapiserver/authorizer). Modes are known ones, each named once.
func newAuthorization(modes []AuthorizationMode, tell func(Event)) (*authorization, error) {
	a := &authorization{denials: newDenials(tell)}
	authorizers := []namedAuthorizer{{AuthorizerName: authorizedByGroup, Authorizer: authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)}}
	var resolvers []authorizer.RuleResolver
	for _, mode := range modes {
		switch mode {
		case AuthorizationAlwaysAllow:
			all := authorizerfactory.NewAlwaysAllowAuthorizer()
			authorizers, resolvers = append(authorizers, namedAuthorizer{AuthorizerName: string(mode), Authorizer: all}), append(resolvers, all)
		case AuthorizationAlwaysDeny:
			none := authorizerfactory.NewAlwaysDenyAuthorizer()
			authorizers, resolvers = append(authorizers, namedAuthorizer{AuthorizerName: string(mode), Authorizer: none}), append(resolvers, none)
		case AuthorizationRBAC:
			a.rbac = &rbac.Authorizer{}
			authorizers, resolvers = append(authorizers, namedAuthorizer{AuthorizerName: string(mode), Authorizer: a.rbac}), append(resolvers, a.rbac)
		}
	}
	a.RuleResolver = union.NewRuleResolvers(resolvers...)
	if len(modes) == 1 && modes[0] == AuthorizationAlwaysAllow {
		a.chain = authorizers[1:] // nothing that a group could add is on the path
		a.Authorizer = a.chain[0].Authorizer
		return a, nil
	}
	a.chain = authorizers
	var err error
	a.Authorizer, err = union.New(authorizers...)
	return a, err
}

// opensToAll tells whether who is let in may do everything.
func (c *Config) opensToAll() bool {
	return slices.Contains(c.AuthorizationModes, AuthorizationAlwaysAllow)
}

// startRBAC makes the bootstrap roles and follows the objects of RBAC, where it
// is asked for.
func (a *Aggregator) startRBAC(ctx context.Context) error {
	if a.authz.rbac == nil {
		return nil
	}
	if err := a.local.EnsureRBAC(ctx); err != nil {
		return fmt.Errorf("RBAC: %w", err)
	}
	client, err := kubernetes.NewForConfig(a.local.ClientConfig())
	if err != nil {
		return err
	}
	stopped, err := rbac.Follow(ctx, client, a.authz.rbac)
	if err != nil {
		return err
	}
	a.running.Go(func() { <-stopped })
	return nil
}

// telling is an authorizer that tells what it refuses.
type telling struct {
	authorizer.Authorizer
	refused func(authorizer.Attributes)
}

// Authorize implements authorizer.Authorizer.
func (t telling) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	decision, reason, err := t.Authorizer.Authorize(ctx, a)
	if decision != authorizer.DecisionAllow {
		t.refused(a)
	}
	return decision, reason, err
}

// ConditionsAwareAuthorize implements authorizer.Authorizer.
func (t telling) ConditionsAwareAuthorize(ctx context.Context, a authorizer.Attributes) authorizer.ConditionsAwareDecision {
	decision := t.Authorizer.ConditionsAwareAuthorize(ctx, a)
	if !decision.PossibleDecisions().Has(authorizer.DecisionAllow) {
		t.refused(a)
	}
	return decision
}

// forRequests is what the handler chain asks: what it refuses is told, with what
// would allow it.
func (a *authorization) forRequests() authorizer.Authorizer {
	if a.rbac == nil {
		return a.Authorizer
	}
	return telling{a.Authorizer, a.denials.tell}
}

// forReviews hears what custom apiservers have been told to refuse.
func (a *authorization) forReviews() func(authorizer.Attributes) {
	if a.rbac == nil {
		return nil
	}
	return a.denials.tell
}

// rememberedDenials bounds how many denials are known to have been told.
const rememberedDenials = 1000

// denials tells each denial once, with the commands that would allow it.
type denials struct {
	told *lru.Cache
	to   func(Event)
}

func newDenials(to func(Event)) *denials { return &denials{told: lru.New(rememberedDenials), to: to} }

func (d *denials) tell(a authorizer.Attributes) {
	if strings.Contains(a.GetVerb(), ":") {
		return // constrained impersonation asks for these first; "impersonate" is what is told
	}
	allow := "; to allow it:\n"
	if a.GetUser().GetName() == user.Anonymous {
		allow = ": the request had no credential, or came to a custom apiserver that does not believe the front proxy (yet): see docs/authentication.md" +
			"; to allow it to everyone without a credential:\n"
	}
	message := denied(a) + allow + strings.Join(rbac.Hint(a), "\n")
	if _, known := d.told.Get(message); known {
		return
	}
	d.told.Add(message, struct{}{})
	d.to(Event{Subject: "authorization", Message: message, Warning: true})
}

// denied says who may not do what, as the answer to the request does.
func denied(a authorizer.Attributes) string {
	who := fmt.Sprintf("user %q cannot %s ", a.GetUser().GetName(), a.GetVerb())
	if !a.IsResourceRequest() {
		return who + fmt.Sprintf("path %q", a.GetPath())
	}
	resource := a.GetResource()
	if a.GetSubresource() != "" {
		resource += "/" + a.GetSubresource()
	}
	out := who + fmt.Sprintf("resource %q in API group %q", resource, a.GetAPIGroup())
	if a.GetName() != "" {
		out += fmt.Sprintf(" named %q", a.GetName())
	}
	if a.GetNamespace() == "" {
		return out + " at the cluster scope"
	}
	return out + fmt.Sprintf(" in the namespace %q", a.GetNamespace())
}

package explain

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/proxy"
)

// request explains what becomes of a request: who it is made for, whether he may, who answers it, and what the backend
// would see.
func (e *explainer) request(ctx context.Context) error {
	as := e.target.As
	admission, err := e.replay.Admit(ctx, e.target.Method, e.target.Name, aggregator.Requester{As: as.User, AsUID: as.UID, AsGroups: as.Groups})
	if err != nil {
		return err
	}
	path := admission.Path
	e.addAdmission(admission)
	routing := e.snapshot.Route(path)
	e.addRoute(routing, path)
	answer, refused := e.answerer(routing, admission)
	lacks := e.servedByNobody(routing, admission)
	what := fmt.Sprintf("%s %s", e.target.Method, e.target.Name)
	if admission.User != nil {
		what += " as " + admission.User.GetName()
	}
	switch {
	case !admission.Allowed:
		e.out.Code = http.StatusForbidden
		e.out.Outcome = fmt.Sprintf("%s is refused with 403: %s", what, admission.Reason)
	case lacks != "":
		e.out.Code = http.StatusNotFound
		e.out.Outcome = fmt.Sprintf("%s is answered with 404: %s", what, lacks)
	case refused != nil:
		e.out.Code = int(refused.Code)
		e.out.Outcome = fmt.Sprintf("%s is refused with %d: %s", what, refused.Code, refused.Message)
	default:
		e.out.Outcome = what + " " + answer
	}
	return nil
}

// addAdmission tells who the request is made for and whether he may.
func (e *explainer) addAdmission(a *aggregator.Admission) {
	info := a.Info()
	d := Decision{
		Area: AreaAuthorization, About: "request " + e.target.Method + " " + e.target.Name, Rule: a.Rule, Meaning: info.Meaning, Upstream: info.Upstream,
	}
	switch {
	case a.User == nil:
		d.Outcome = fmt.Sprintf("%s may not be taken for %s: %s", a.Requester.GetName(), e.target.As.User, a.Reason)
	case a.Allowed:
		d.Outcome = fmt.Sprintf("%s may %s", a.User.GetName(), asked(a))
		if a.Reason != "" {
			d.Outcome += ": " + a.Reason
		}
	default:
		d.Outcome = a.Reason
	}
	e.add(d)
	if a.User != nil && a.User.GetName() != a.Requester.GetName() {
		e.fact("sent by", fmt.Sprintf("%s, who asks to be taken for %s", a.Requester.GetName(), a.User.GetName()))
	}
	if a.User != nil {
		e.fact("user", fmt.Sprintf("%s in %s", a.User.GetName(), cmp.Or(listed(a.User.GetGroups()), "no group")))
	}
	if len(a.Mend) > 0 {
		e.trouble(Trouble{Mend: "bind a role to the user or to one of their groups", Commands: a.Mend})
	}
}

// asked is what authorization is asked, for a person.
func asked(a *aggregator.Admission) string {
	at := a.Attributes
	verb := at.GetVerb()
	if verb == "" { // of a method that has none
		verb = "send a request for"
	}
	if !at.IsResourceRequest() {
		return verb + " the path " + at.GetPath()
	}
	resource := at.GetResource()
	if at.GetSubresource() != "" {
		resource += "/" + at.GetSubresource()
	}
	out := fmt.Sprintf("%s %s of %s", verb, resource, groupVersion(at.GetAPIGroup(), at.GetAPIVersion()))
	if at.GetName() != "" {
		out += " named " + at.GetName()
	}
	if at.GetNamespace() != "" {
		out += " in the namespace " + at.GetNamespace()
	}
	return out
}

func (e *explainer) fact(name, value string) {
	e.out.Facts = append(e.out.Facts, Fact{Name: name, Value: value})
}

// addRoute tells who the requests for a path go to.
func (e *explainer) addRoute(r aggregator.Routing, path string) {
	info := r.Rule.Info()
	d := Decision{Area: AreaRouting, About: "path " + path, Rule: string(r.Rule), Meaning: info.Meaning, Upstream: info.Upstream}
	switch name := r.APIService(); {
	case name != "":
		d.Outcome = fmt.Sprintf("the APIService %s has the requests for %s", name, path)
		if v := e.service(name); v != nil {
			d.Winner = &Party{Name: name, APIService: name, Backend: v.Backend}
		}
	case r.Rule == aggregator.RoutingOpenAPIV3:
		d.Outcome = fmt.Sprintf("requests for %s go to the owner of %s: %s", path, r.Key, e.keyOwner(r.Key))
	case merged(r.Rule):
		d.Outcome = "kagg answers requests for " + path + " itself"
	case r.Rule == aggregator.RoutingOther:
		d.Outcome = "requests for " + path + " go to what kagg itself has and then to the local APIs, which answer 404 for what nobody has"
	default:
		d.Outcome = "requests for " + path + " go to the local APIs, which answer 404 for what nobody has"
	}
	e.add(d)
}

func merged(rule aggregator.RoutingRule) bool {
	switch rule {
	case aggregator.RoutingDiscovery, aggregator.RoutingGroupList, aggregator.RoutingGroup, aggregator.RoutingOpenAPIV2, aggregator.RoutingOpenAPIV3List:
		return true
	default:
		return false
	}
}

func (e *explainer) keyOwner(key string) string {
	owner, ok := e.snapshot.OpenAPIV3().Owners[key]
	switch {
	case !ok:
		return "nobody, which is answered with 404"
	case owner.Converted:
		return fmt.Sprintf("kagg, which converts the OpenAPI v2 document of %s", owner.Backend)
	}
	return owned(openapimerge.Party{APIService: owner.APIService, Backend: owner.Backend})
}

// answerer says who answers, or why kagg refuses, and tells of the backend what there is to tell.
func (e *explainer) answerer(r aggregator.Routing, a *aggregator.Admission) (string, *proxy.Refusal) {
	if r.Rule == aggregator.RoutingOpenAPIV3 {
		for _, d := range e.snapshot.OpenAPIV3().Decisions {
			if d.Subject.Kind == openapimerge.KindGroupVersion && d.Subject.Name == r.Key {
				e.add(ofOpenAPI(AreaOpenAPIV3, d))
			}
		}
		owner, ok := e.snapshot.OpenAPIV3().Owners[r.Key]
		v := e.service(owner.APIService)
		if !ok || owner.Converted || owner.Local || v == nil {
			return "is answered by " + e.keyOwner(r.Key), nil
		}
		r = e.snapshot.Route(availability.Path(v.Object.Spec.Group, v.Object.Spec.Version))
	}
	target, found := r.Target()
	v := e.service(r.APIService())
	switch {
	case merged(r.Rule):
		return "is answered by kagg, with what it merged", nil
	case !found && r.Rule == aggregator.RoutingOther:
		return "is answered by kagg or the local APIs", nil
	case !found, v == nil, target.Local:
		return "is answered by the local APIs", nil
	}
	e.addService(v)
	e.add(ofResolution(v))
	e.addBackend(v, a)
	hosts := strings.Join(v.Resolution.Hosts, " or https://")
	if e.unasked(v) {
		return fmt.Sprintf("goes to https://%s, the backend %s of APIService %s, if that is available: it was not asked, there are manifests alone", hosts, v.Backend, v.Object.Name), nil
	}
	if refusal, refused := target.Refusal(); refused {
		info := proxy.Describe(refusal.Rule)
		e.add(Decision{
			Area: AreaProxy, About: "APIService " + v.Object.Name, Rule: refusal.Rule, Meaning: info.Meaning, Upstream: info.Upstream,
			Outcome: fmt.Sprintf("refused with %d: %s (the kube-aggregator says: %s)", refusal.Code, refusal.Message, refusal.Upstream),
		})
		return "", &refusal
	}
	answer := fmt.Sprintf("goes to https://%s, the backend %s of APIService %s", hosts, v.Backend, v.Object.Name)
	if resource, gv := e.unlistedResource(v, a); resource != "" {
		answer += fmt.Sprintf(", which lists no resource %s in %s and is to answer 404 for it", resource, gv)
	}
	return answer, nil
}

// addBackend tells how the backend is reached and what it would see.
func (e *explainer) addBackend(v *aggregator.APIServiceView, a *aggregator.Admission) {
	e.fact("APIService", v.Object.Name)
	e.fact("backend", v.Backend)
	if len(v.Resolution.Hosts) > 0 {
		e.fact("address", listed(v.Resolution.Hosts))
	}
	e.fact("TLS server name", v.Query.ServerName())
	e.fact("CA", e.roots(v))
	if server := e.replay.Recording.Server; server != nil && server.ProxyClientCertificate != "" {
		e.fact("client certificate", listed(subjects([]byte(server.ProxyClientCertificate))))
	}
	if a.User == nil {
		return
	}
	headers := proxy.IdentityHeaders(a.User)
	for _, name := range sortedKeys(headers) {
		for _, value := range headers[name] {
			e.fact("header", name+": "+value)
		}
	}
}

package explain

import (
	"fmt"
	"slices"
	"strings"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/openapimerge"
)

// openAPIKey is the key of a group-version in the index of /openapi/v3.
func openAPIKey(group, version string) string {
	if group == "" {
		return "api/" + version
	}
	return "apis/" + group + "/" + version
}

// definition explains whose a definition of the merged OpenAPI v2 document is, and what became of others of its name.
func (e *explainer) definition() error {
	name := e.target.Name
	v2, err := e.snapshot.OpenAPIV2()
	owners := v2.DefinitionOwners(name)
	brought := e.bringers(func(in *openapimerge.Input) bool { return in.V2.HasDefinition(name) })
	if len(owners) == 0 && len(brought) == 0 {
		candidates := v2.DefinitionNames()
		for _, in := range e.snapshot.OpenAPIInputs() {
			if in.V2 != nil {
				candidates = append(candidates, in.V2.Definitions()...)
			}
		}
		return e.unknown(name, candidates)
	}
	base := name
	for _, d := range v2.Decisions {
		if d.Subject.Kind == openapimerge.KindDefinition && d.Renamed == name {
			base = d.Subject.Name
		}
	}
	switch {
	case err != nil:
		e.out.Outcome = fmt.Sprintf("%s is nowhere, for the merge of OpenAPI v2 fails: %v", name, err)
	case len(owners) == 0:
		e.out.Outcome = fmt.Sprintf("%s is in the document of %s, and not in the merged one", name, listed(brought))
	default:
		e.out.Outcome = fmt.Sprintf("%s comes from %s%s", name, owned(owners[0]), of(base, name))
		if len(owners) > 1 {
			e.out.Outcome += "; shared with " + others(owners[1:])
		}
	}
	for _, d := range v2.Decisions {
		if d.Subject.Kind == openapimerge.KindDefinition && (d.Subject.Name == name || d.Subject.Name == base) {
			e.add(ofOpenAPI(AreaOpenAPIV2, d))
			e.changeOpenAPI(&d)
		}
	}
	e.addDocuments(v2.Decisions, err, owners, func(in *openapimerge.Input) bool { return in.V2.HasDefinition(base) })
	return nil
}

func of(base, name string) string {
	if base == name {
		return ""
	}
	return ", where it is called " + base
}

func owned(p openapimerge.Party) string {
	title := openAPITitle(p)
	if p.APIService == "" || title != p.APIService {
		return title
	}
	return fmt.Sprintf("%s (%s)", title, p.Backend)
}

func others(parties []openapimerge.Party) string {
	words := make([]string, 0, len(parties))
	for _, p := range parties {
		words = append(words, owned(p))
	}
	return listed(words)
}

// bringers are the backends whose OpenAPI v2 document has something.
func (e *explainer) bringers(has func(*openapimerge.Input) bool) []string {
	var out []string
	for _, in := range e.snapshot.OpenAPIInputs() {
		if in.V2 != nil && has(&in) && !slices.Contains(out, in.Backend) {
			out = append(out, in.Backend)
		}
	}
	return out
}

// addDocuments tells what became of the documents that have the subject: of all where the merge has it from nobody,
// else of those that it is taken from or shared with.
func (e *explainer) addDocuments(decisions []openapimerge.Decision, failed error, owners []openapimerge.Party, has func(*openapimerge.Input) bool) {
	backends := e.bringers(has)
	if len(owners) > 0 {
		backends = nil
		for _, p := range owners {
			backends = append(backends, p.Backend)
		}
	}
	for _, d := range decisions {
		if elsewhere(d.Rule, len(owners)) {
			continue
		}
		fatal := failed != nil && strings.Contains(d.Outcome, "the whole merge fails")
		if fatal || d.Subject.Kind == openapimerge.KindBackend && slices.Contains(backends, d.Subject.Name) {
			e.add(ofOpenAPI(AreaOpenAPIV2, d))
			e.changeOpenAPI(&d)
		}
	}
}

// elsewhere tells whether what a rule says of a whole document is about other things in it than the subject, which the
// merged document has from so many owners.
func elsewhere(rule openapimerge.Rule, owners int) bool {
	switch rule {
	case openapimerge.RuleParameterShared:
		return true
	case openapimerge.RuleDefinitionShared:
		return owners < 2
	case openapimerge.RulePathFiltered, openapimerge.RuleV2Base, openapimerge.RuleV2NoPaths:
		return owners > 0
	default:
		return false
	}
}

// path explains whose an OpenAPI path is, whose v3 document has it, and who answers requests for it.
func (e *explainer) path() error {
	v2, err := e.snapshot.OpenAPIV2()
	has := func(name string) func(*openapimerge.Input) bool {
		return func(in *openapimerge.Input) bool { return in.V2.HasPath(name) }
	}
	name := template(e.target.Name, v2.PathNames())
	owner, found := v2.PathOwner(name)
	brought := e.bringers(has(name))
	key := keyOfPath(name)
	// A backend with OpenAPI v3 alone may have the path all the same.
	v3, indexed := e.snapshot.OpenAPIV3().Owners[key]
	if whole := e.bringers(func(*openapimerge.Input) bool { return true }); !found && len(brought) == 0 && (!indexed || slices.Contains(whole, v3.Backend)) {
		return e.unknown(name, v2.PathNames())
	}
	switch {
	case err != nil:
		e.out.Outcome = fmt.Sprintf("%s is in no OpenAPI v2 document, for their merge fails: %v", name, err)
	case found:
		e.out.Outcome = fmt.Sprintf("%s is in the merged OpenAPI v2 document, and comes from %s", name, owned(owner))
	case len(brought) > 0:
		e.out.Outcome = fmt.Sprintf("%s is in the document of %s, and not in the merged one", name, listed(brought))
	default:
		e.out.Outcome = name + " is in no OpenAPI v2 document"
	}
	if indexed {
		e.out.Outcome += fmt.Sprintf("; /openapi/v3/%s is served by %s", key, owned(openapimerge.Party{APIService: v3.APIService, Backend: v3.Backend}))
	}
	for _, d := range v2.Decisions {
		if d.Subject.Kind == openapimerge.KindPath && d.Subject.Name == name {
			e.add(ofOpenAPI(AreaOpenAPIV2, d))
			e.changeOpenAPI(&d)
		}
	}
	var owners []openapimerge.Party
	if found {
		owners = []openapimerge.Party{owner}
	}
	e.addDocuments(v2.Decisions, err, owners, has(name))
	e.addOpenAPIV3(key)
	e.addRoute(e.snapshot.Route(e.target.Name), e.target.Name)
	return nil
}

// template is the OpenAPI path that a URL's path is of, the path itself where it is none's.
func template(path string, known []string) string {
	if slices.Contains(known, path) {
		return path
	}
	segments := strings.Split(path, "/")
	best, literal := path, -1
	for _, name := range known {
		parts := strings.Split(name, "/")
		if len(parts) != len(segments) {
			continue
		}
		same := 0
		for i, part := range parts {
			if part == segments[i] {
				same++
			} else if !strings.HasPrefix(part, "{") {
				same = -1
				break
			}
		}
		if same > literal {
			best, literal = name, same
		}
	}
	return best
}

// keyOfPath is the key of the index of /openapi/v3 whose document should have a path.
func keyOfPath(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case len(parts) >= 3 && parts[0] == "apis":
		return strings.Join(parts[:3], "/")
	case len(parts) >= 2 && parts[0] == "api":
		return strings.Join(parts[:2], "/")
	}
	return strings.Join(parts, "/")
}

// addOpenAPIV3 tells who serves a key of the index of /openapi/v3, and what became of the index of that backend.
func (e *explainer) addOpenAPIV3(key string) {
	v3 := e.snapshot.OpenAPIV3()
	owner, owned := v3.Owners[key]
	mine := func(d openapimerge.Decision) bool {
		return d.Subject.Kind == openapimerge.KindGroupVersion && d.Subject.Name == key
	}
	contested := slices.ContainsFunc(v3.Decisions, mine)
	for _, d := range v3.Decisions {
		if d.Rule == openapimerge.RuleV3Served {
			if contested {
				continue // about the backend's other keys
			}
			d.Outcome, d.Count = fmt.Sprintf("/openapi/v3/%s is served by %s, as nobody else claims it", key, d.Subject.Name), 0
		}
		backend := owned && d.Subject.Kind == openapimerge.KindBackend && d.Subject.Name == owner.Backend
		if mine(d) || backend {
			e.add(ofOpenAPI(AreaOpenAPIV3, d))
			e.changeOpenAPI(&d)
		}
	}
}

// changeOpenAPI says what would change a decision of an OpenAPI merge.
func (e *explainer) changeOpenAPI(d *openapimerge.Decision) {
	c := Change{}
	winner := d.Winner.Backend
	loser := ""
	if len(d.Losers) > 0 {
		loser = d.Losers[0].Backend
	}
	switch d.Rule {
	case openapimerge.RuleDefinitionRenamed, openapimerge.RuleDefinitionRenameReused:
		c.Effect = fmt.Sprintf("%s and %s share %s", winner, loser, d.Subject.Name)
		c.Mend = "make the two definitions equal, or give one of them another name"
	case openapimerge.RuleParameterRenamed, openapimerge.RuleParameterRenameReused:
		c.Effect = fmt.Sprintf("%s and %s share the parameter %s", winner, loser, d.Subject.Name)
		c.Mend = "make the two parameters equal, or give one of them another name"
	case openapimerge.RulePathConflict:
		c.Effect = fmt.Sprintf("%s has %s in the merged document", loser, d.Subject.Name)
		c.Mend = "let one backend alone serve the path; the local APIs' documents come first, then those of the groups with the higher groupPriorityMinimum"
	case openapimerge.RuleV2None, openapimerge.RuleV2Failed:
		e.troubleOpenAPI(d, "/openapi/v2")
	case openapimerge.RuleV3None, openapimerge.RuleV3Failed:
		e.troubleOpenAPI(d, "/openapi/v3")
	case openapimerge.RuleV3Converted:
		c.Effect, c.Mend = d.Subject.Name+" is not converted", fmt.Sprintf("let %s serve /openapi/v3", winner)
	case openapimerge.RuleV2NoPaths:
		c.Effect = fmt.Sprintf("%s brings its definitions", d.Subject.Name)
		c.Mend = "let its document have paths below its APIServices' group-versions"
	default:
	}
	if c.Effect != "" {
		e.change(c)
	}
}

// troubleOpenAPI tells that a backend's document is not to be had, unless the backend is not available, of which that
// is a consequence.
func (e *explainer) troubleOpenAPI(d *openapimerge.Decision, path string) {
	for i := range e.services {
		if v := &e.services[i]; v.Backend == d.Subject.Name && v.Condition.Status != apiregistrationv1.ConditionTrue {
			return
		}
	}
	e.trouble(Trouble{Reason: d.Outcome, Mend: fmt.Sprintf("let %s answer GET %s with 200", d.Subject.Name, path)})
}

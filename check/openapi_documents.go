package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"k8s.io/kube-openapi/pkg/util/proto"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/openapimerge"
)

// findNoOpenAPI finds backends that describe nothing.
func findNoOpenAPI(f Facts) []Finding {
	var out []Finding
	for _, d := range f.documents {
		pending := d.State != nil && d.State.OpenAPIPending
		if len(d.versions) > 0 && d.OpenAPIV2 == nil && !d.hasIndex && len(d.unreadable) == 0 && !pending {
			out = append(out, Finding{Message: d.Label() + " serves neither /openapi/v3 nor /openapi/v2", Where: d.at("", "")})
		}
	}
	return out
}

// findUnreadable finds documents that cannot be had, or not be decoded.
func findUnreadable(f Facts) []Finding {
	var out []Finding
	for _, d := range f.documents {
		if !f.reachable(d) {
			continue
		}
		for path, why := range d.unreadable {
			out = append(out, Finding{Message: fmt.Sprintf("%s of %s cannot be read: %s", path, d.Label(), why), Where: d.at(path, "")})
		}
	}
	return out
}

// reachable tells whether an APIService of the backend is available: else that is what to mend.
func (f Facts) reachable(d *documents) bool {
	return slices.ContainsFunc(f.remotes(), func(v aggregator.APIServiceView) bool {
		named := d.State == nil || len(d.State.APIServices) == 0 || slices.Contains(d.State.APIServices, v.Object.Name)
		return named && v.Backend == d.Label() && v.Condition.Status == "True"
	})
}

// unavailable tells whether an APIService is known to be: that is to be mended, and not what its backend does not
// describe.
func (f Facts) unavailable(apiService string) bool {
	v := f.view(apiService)
	return v != nil && v.Condition.Status == "False"
}

// findModels finds v2 documents that kubectl's models cannot be made of.
func findModels(f Facts) []Finding {
	var out []Finding
	for _, d := range f.documents {
		if d.swagger == nil || !d.v2.sound() {
			continue
		}
		if err := readModels(d.swagger); err != nil {
			out = append(out, Finding{
				Message: fmt.Sprintf("kubectl's models cannot be made of /openapi/v2 of %s: %s", d.Label(), oneLine(err)),
				Where:   d.at(d.v2.path, ""),
			})
		}
	}
	return out
}

// readModels reads what the merged document takes of a backend's as kubectl does.
func readModels(doc *spec.Swagger) error {
	taken := &spec.Swagger{SwaggerProps: spec.SwaggerProps{
		Swagger: "2.0", Info: &spec.Info{InfoProps: spec.InfoProps{Title: "merged", Version: "1"}},
		Paths: doc.Paths, Definitions: doc.Definitions, Parameters: doc.Parameters,
	}}
	if taken.Paths == nil {
		taken.Paths = &spec.Paths{}
	}
	data, err := json.Marshal(taken)
	if err != nil {
		return err
	}
	parsed, err := openapi_v2.ParseDocument(data)
	if err != nil {
		return err
	}
	_, err = proto.NewOpenAPIData(parsed)
	return err
}

// oneLine is the first of an error's lines, and how many more there are.
func oneLine(err error) string {
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		if all := joined.Unwrap(); len(all) > 1 {
			return fmt.Sprintf("%s (and %d more)", oneLine(all[0]), len(all)-1)
		}
	}
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	if len(lines) == 1 {
		return lines[0]
	}
	return fmt.Sprintf("%s (and %d more)", lines[0], len(lines)-1)
}

// findUndescribed finds APIServices whose group-version the backend's documents pass over.
func findUndescribed(f Facts) []Finding {
	var out []Finding
	for _, d := range f.documents {
		for _, v := range d.versions {
			if d.v2 != nil && !d.v2.hasPathsOf(v) && !d.hasKey(v) && !f.unavailable(v.apiService) {
				w := f.atName(v.apiService)
				w.Path = d.v2.path
				out = append(out, Finding{Message: fmt.Sprintf("the OpenAPI documents of %s have no path of %s", d.Label(), v.GroupVersion), Where: w})
			}
		}
	}
	return out
}

// hasKey tells whether the index has a group-version, or nothing is known of it.
func (d *documents) hasKey(v ownVersion) bool {
	return d.keys[v.key()] || d.unreadable["/openapi/v3"] != ""
}

// findVersionsNotInV3 finds group-versions that v2 describes, or nothing else could, and v3 passes over.
func findVersionsNotInV3(f Facts) []Finding {
	var out []Finding
	for _, d := range f.documents {
		for _, v := range d.versions {
			if d.hasIndex && !d.hasKey(v) && (d.v2 == nil || d.v2.hasPathsOf(v)) && !f.unavailable(v.apiService) {
				w := f.atName(v.apiService)
				w.Path = "/openapi/v3"
				out = append(out, Finding{Message: fmt.Sprintf("the index /openapi/v3 of %s has no %s", d.Label(), v.key()), Where: w})
			}
		}
	}
	return out
}

// findRenamed sums up which definitions the merge renamed, by whose they are and whose they differ from.
func findRenamed(f Facts) []Finding {
	if f.Replay == nil {
		return nil
	}
	merged, _ := f.Replay.Snapshot.OpenAPIV2() // the decisions come with an error too
	type pair struct{ loser, winner openapimerge.Party }
	names := map[pair][]string{}
	var order []pair
	for _, d := range merged.Decisions {
		if d.Rule != openapimerge.RuleDefinitionRenamed || len(d.Losers) == 0 {
			continue
		}
		p := pair{d.Losers[0], openapimerge.Party{Backend: d.Winner.Backend}}
		if _, known := names[p]; !known {
			order = append(order, p)
		}
		names[p] = append(names[p], d.Subject.Name)
	}
	var out []Finding
	for _, p := range order {
		w := f.atName(p.loser.APIService)
		w.Path, w.Object = "/openapi/v2", names[p][0]
		out = append(out, Finding{
			Message: fmt.Sprintf("%s brings definitions that differ from those of %s and are renamed _v2 or further: %s",
				p.loser.APIService, p.winner.Backend, few(names[p])),
			Where: w,
		})
	}
	return out
}

// few joins the first few of many names.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// findConversionLosses repeats what converting v2 to v3 loses.
func findConversionLosses(f Facts) []Finding {
	if f.Replay == nil {
		return nil
	}
	var out []Finding
	for _, d := range f.Replay.Snapshot.OpenAPIV3().Decisions {
		if d.Rule != openapimerge.RuleV3ConversionLoss && d.Rule != openapimerge.RuleV3ConversionFix {
			continue
		}
		out = append(out, Finding{
			Message: fmt.Sprintf("%s has no /openapi/v3, and in the conversion %s", d.Subject.Name, d.Outcome),
			Where:   Where{Backend: d.Subject.Name, Path: "/openapi/v2"},
		})
	}
	return out
}

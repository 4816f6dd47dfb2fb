package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/proxy"
)

// findRefused repeats what the manifest loader refused, but for what has a code of its own.
func findRefused(f Facts) []Finding {
	return refused(f.inputs(), func(e *manifest.Error) bool { return !isNameMismatch(e) && !isAddress(e) })
}

// findNameMismatch repeats what it refused for an APIService's name that is not what its spec makes it.
func findNameMismatch(f Facts) []Finding { return refused(f.inputs(), isNameMismatch) }

// findAddress finds addresses that the loader refused, or that were found to be none when they were looked at.
func findAddress(f Facts) []Finding {
	return append(refused(f.inputs(), isAddress), unresolved(proxy.CauseInvalidEndpoint, proxy.CauseUnsupportedType)(f)...)
}

// inputs are what the loader refused, here or where a running kagg watches its files.
func (f Facts) inputs() []*manifest.Error {
	out := slices.Clone(f.Inputs)
	if f.Replay == nil || f.Replay.Recording.Server == nil {
		return out
	}
	for _, e := range f.Replay.Recording.Server.FileErrors {
		out = append(out, &manifest.Error{File: e.File, Line: e.Line, Field: e.Field, Message: e.Message, Mend: e.Mend})
	}
	return out
}

func refused(inputs []*manifest.Error, wanted func(*manifest.Error) bool) []Finding {
	var out []Finding
	for _, e := range inputs {
		if !wanted(e) {
			continue
		}
		message := e.Message
		if e.Field != "" {
			message = e.Field + ": " + message
		}
		out = append(out, Finding{Message: message, Where: Where{File: e.File, Line: e.Line}, Mend: sentence(e.Mend)})
	}
	return out
}

// isNameMismatch goes by what kube-aggregator's validation says of the one field.
func isNameMismatch(e *manifest.Error) bool {
	return strings.HasSuffix(e.Field, "metadata.name") && strings.Contains(e.Message, `spec.version+"."+spec.group`)
}

func isAddress(e *manifest.Error) bool { return strings.Contains(e.Field, proxy.EndpointAnnotation) }

// sentence makes a sentence of one that is written in lower case and without a full stop; "" stays.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// advice makes a mend of what usually mends a failed connection; "" where the check's own says more: a question is no
// mend, and neither is to verify nothing.
func advice(hint string) string {
	hint, _, _ = strings.Cut(hint, ", or set spec.insecureSkipTLSVerify")
	if strings.HasSuffix(hint, "?") || strings.Contains(hint, "longer than this request may") {
		return ""
	}
	return sentence(hint)
}

// unresolved finds the APIServices whose service is served nowhere for one of the causes.
func unresolved(causes ...proxy.Cause) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var out []Finding
		views := f.remotes()
		for i := range views {
			if failed := unresolvedFor(&views[i], causes...); failed != nil {
				out = append(out, Finding{
					Message: fmt.Sprintf("%s asks for %s: %s", views[i].Object.Name, views[i].Query, failed.Message),
					Where:   f.atAPIService(&views[i]), Mend: sentence(failed.Detail),
				})
			}
		}
		return out
	}
}

// unresolvedFor is why an APIService's service is served nowhere, if for one of the causes; nil otherwise.
func unresolvedFor(v *aggregator.APIServiceView, causes ...proxy.Cause) *proxy.ResolveError {
	failed, ok := v.ResolveErr.(*proxy.ResolveError) //nolint:errorlint // it is documented to be no other
	if !ok || !slices.Contains(causes, failed.Cause) {
		return nil
	}
	return failed
}

// manifestsAlone tells whether there is nothing but what people write into files: no recording, and nobody connected.
// What the controllers of a cluster add is not there then, and objects may be in files that were not given.
func (f Facts) manifestsAlone() bool {
	if f.Replay == nil || f.Live != nil {
		return false
	}
	r := f.Replay.Recording
	return len(r.Backends) == 0 && (r.Server == nil || r.Server.Kagg == "")
}

// findServiceNotFound knows of manifests only that the Service is not among them.
func findServiceNotFound(f Facts) []Finding {
	if !f.manifestsAlone() {
		return unresolved(proxy.CauseServiceNotFound)(f)
	}
	var out []Finding
	views := f.remotes()
	for i := range views {
		v := &views[i]
		if unresolvedFor(v, proxy.CauseServiceNotFound) != nil {
			out = append(out, Finding{
				Severity: SeverityWarning,
				Message:  fmt.Sprintf("%s asks for %s, and the files have no Service %s in namespace %q", v.Object.Name, v.Query, v.Query.Name, v.Query.Namespace),
				Where:    f.atAPIService(v),
				Mend: fmt.Sprintf("Add the file with the Service, or correct spec.service. Nothing is to be done where the Service comes from elsewhere, "+
					"or where kagg is started with --endpoint %s=HOST:PORT.", v.Query),
			})
		}
	}
	return out
}

// findNoEndpoints leaves out of manifests what a controller writes: the EndpointSlices of a Service with a selector.
func findNoEndpoints(f Facts) []Finding {
	found := unresolved(proxy.CauseNoEndpoints)(f)
	if !f.manifestsAlone() {
		return found
	}
	return slices.DeleteFunc(found, func(one Finding) bool {
		v := f.view(one.Where.APIService)
		return v != nil && f.selects(v.Query.Namespace, v.Query.Name) && !f.hasEndpoints(v.Query.Namespace, v.Query.Name)
	})
}

// selects tells whether a Service has a selector.
func (f Facts) selects(namespace, name string) bool {
	return slices.ContainsFunc(f.Replay.Recording.Objects, func(o manifest.Object) bool {
		if o.Object.GetAPIVersion() != "v1" || o.Object.GetKind() != "Service" || o.Object.GetName() != name || namespaceOf(o) != namespace {
			return false
		}
		selector, _, err := unstructured.NestedMap(o.Object.Object, "spec", "selector")
		return err == nil && len(selector) > 0
	})
}

// hasEndpoints tells whether somebody wrote the addresses of a Service down.
func (f Facts) hasEndpoints(namespace, name string) bool {
	return slices.ContainsFunc(f.Replay.Recording.Objects, func(o manifest.Object) bool {
		if namespaceOf(o) != namespace {
			return false
		}
		switch o.Object.GetKind() {
		case "EndpointSlice":
			return o.Object.GetLabels()[discoveryv1.LabelServiceName] == name
		case "Endpoints":
			return o.Object.GetName() == name
		}
		return false
	})
}

// namespaceOf is an object's namespace as kagg defaults it.
func namespaceOf(o manifest.Object) string { return cmp.Or(o.Object.GetNamespace(), "default") }

// findMissingCA finds backends whose APIServices leave the CA to the system's roots.
func findMissingCA(f Facts) []Finding {
	var out []Finding
	at := map[string]int{}
	names := map[string][]string{}
	views := f.remotes()
	for i := range views {
		spec := &views[i].Object.Spec
		if len(spec.CABundle) > 0 || spec.InsecureSkipTLSVerify {
			continue
		}
		backend := views[i].Backend
		if _, known := at[backend]; !known {
			at[backend] = len(out)
			out = append(out, Finding{Where: f.atAPIService(&views[i])})
		}
		names[backend] = append(names[backend], views[i].Object.Name)
	}
	for backend, i := range at {
		has := "has"
		if len(names[backend]) > 1 {
			has = "have"
		}
		out[i].Message = fmt.Sprintf("%s %s neither spec.caBundle nor spec.insecureSkipTLSVerify: a cluster verifies %s by its system's roots alone",
			few(names[backend]), has, backend)
	}
	return out
}

// findInsecure finds APIServices that verify nothing.
func findInsecure(f Facts) []Finding {
	var out []Finding
	views := f.remotes()
	for i := range views {
		if views[i].Object.Spec.InsecureSkipTLSVerify {
			out = append(out, Finding{
				Message: fmt.Sprintf("%s has spec.insecureSkipTLSVerify: true: whoever answers for %s is believed", views[i].Object.Name, views[i].Backend),
				Where:   f.atAPIService(&views[i]),
			})
		}
	}
	return out
}

package check

import (
	"fmt"
	"strings"

	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/proxy"
)

// findRefused repeats what the manifest loader refused, but for what has a code of its own.
func findRefused(f Facts) []Finding {
	return refused(f.Inputs, func(e *manifest.Error) bool { return !isNameMismatch(e) && !isAddress(e) })
}

// findNameMismatch repeats what it refused for an APIService's name that is not what its spec makes it.
func findNameMismatch(f Facts) []Finding { return refused(f.Inputs, isNameMismatch) }

// findAddress finds addresses that the loader refused, or that were found to be none when they were looked at.
func findAddress(f Facts) []Finding {
	return append(refused(f.Inputs, isAddress), unresolved(proxy.CauseInvalidEndpoint, proxy.CauseUnsupportedType)(f)...)
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

// unresolved finds the APIServices whose service is served nowhere for one of the causes.
func unresolved(causes ...proxy.Cause) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var out []Finding
		views := f.remotes()
		for i := range views {
			failed, ok := views[i].ResolveErr.(*proxy.ResolveError) //nolint:errorlint // it is documented to be no other
			if !ok {
				continue
			}
			for _, cause := range causes {
				if failed.Cause == cause {
					out = append(out, Finding{
						Message: fmt.Sprintf("%s asks for %s: %s", views[i].Object.Name, views[i].Query, failed.Message),
						Where:   f.atAPIService(&views[i]), Mend: sentence(failed.Detail),
					})
				}
			}
		}
		return out
	}
}

// findMissingCA finds APIServices that leave the CA to the system's roots.
func findMissingCA(f Facts) []Finding {
	var out []Finding
	views := f.remotes()
	for i := range views {
		spec := &views[i].Object.Spec
		if len(spec.CABundle) == 0 && !spec.InsecureSkipTLSVerify {
			out = append(out, Finding{
				Message: fmt.Sprintf("%s has neither spec.caBundle nor spec.insecureSkipTLSVerify: a cluster verifies %s by its system's roots alone",
					views[i].Object.Name, views[i].Backend),
				Where: f.atAPIService(&views[i]),
			})
		}
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

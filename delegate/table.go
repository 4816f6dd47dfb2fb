package delegate

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/api/validation"
)

// table is every kind of k8s.io/api that is served from storage. Short names, categories, columns, field
// selectors and update rules are those of k8s.io/kubernetes: pkg/registry/*/*/storage and strategy.go,
// pkg/printers/internalversion/printers.go. A kind is added by adding a row, to the list of its group.
var table = slices.Concat(
	coreRows(), workloadRows(), batchRows(), networkRows(), policyRows(), rbacRows(), storageRows(),
	flowRows(), admissionRows(), platformRows(), certificateRows(), resourceRows(),
)

// all is the category of what kubectl get all shows.
var all = []string{"all"}

// apiExtensions is the category of the kinds that change how the API works.
var apiExtensions = []string{"api-extensions"}

// Name rules other than the default.
var (
	dnsLabel    validation.ValidateNameFunc = validation.NameIsDNSLabel
	pathSegment validation.ValidateNameFunc = nameIsPathSegment
)

// nameIsPathSegment accepts what can stand between two slashes of a URL.
func nameIsPathSegment(name string, prefix bool) []string {
	if prefix {
		return content.IsPathSegmentPrefix(name)
	}
	return content.IsPathSegmentName(name)
}

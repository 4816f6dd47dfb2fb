package openapi

import "k8s.io/kube-openapi/pkg/common"

// Definition returns the definition that GetOpenAPIDefinitions has under a name, and whether it has one. To make one
// takes microseconds; all of them take longer than many a start.
func Definition(name string, ref common.ReferenceCallback) (common.OpenAPIDefinition, bool) {
	maker, ok := makers()[name]
	if !ok {
		return common.OpenAPIDefinition{}, false
	}
	return maker(ref), true
}

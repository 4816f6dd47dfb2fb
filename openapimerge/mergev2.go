package openapimerge

import (
	"crypto/sha256"
	"fmt"

	"k8s.io/kube-openapi/pkg/aggregator"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// V2Result is what MergeV2 makes.
type V2Result struct {
	// Document is the merged document; never nil without an error. It shares structure with the inputs.
	Document *spec.Swagger
	// ETag stands for the documents that were merged, in order; it is the kube-aggregator's own key for the
	// merged document and changes with any of them. What clients see as ETag is Hash of the encoded document.
	ETag string
	// Decisions are sorted by subject.
	Decisions []Decision
}

// MergeV2 merges OpenAPI v2 documents.
func MergeV2(in []Input, q Quirks) (V2Result, error) {
	var merged *spec.Swagger
	etags := make([]string, 0, len(in))
	for _, input := range sorted(in, q) {
		if input.V2 == nil {
			continue
		}
		doc, err := copyDocument(input.V2)
		if err != nil {
			return V2Result{}, err
		}
		if !input.Local {
			doc = aggregator.FilterSpecByPathsWithoutSideEffects(doc, []string{"/apis/" + input.Group + "/" + input.Version + "/"})
		}
		if merged == nil {
			merged = &spec.Swagger{}
			*merged = *doc
			merged.Paths, merged.Definitions, merged.Parameters = nil, nil, nil
		}
		etags = append(etags, input.V2ETag)
		if err := aggregator.MergeSpecsIgnorePathConflictRenamingDefinitionsAndParameters(merged, doc); err != nil {
			return V2Result{}, fmt.Errorf("merge OpenAPI v2 of %s: %w", input.APIService, err)
		}
	}
	if merged == nil {
		merged = emptyV2()
	}
	return V2Result{Document: merged, ETag: mergedETag(etags)}, nil
}

// copyDocument keeps the library, which writes into definitions' extensions and parameters' items, from
// writing into an input.
func copyDocument(doc *spec.Swagger) (*spec.Swagger, error) {
	data, err := EncodeV2JSON(doc)
	if err != nil {
		return nil, err
	}
	return DecodeV2(data)
}

func emptyV2() *spec.Swagger {
	return &spec.Swagger{SwaggerProps: spec.SwaggerProps{
		Swagger: "2.0",
		Info:    &spec.Info{InfoProps: spec.InfoProps{Title: "Kubernetes", Version: "unversioned"}},
		Paths:   &spec.Paths{},
	}}
}

func mergedETag(etags []string) string {
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%#v", etags)))
}

func filterV2(doc *spec.Swagger, prefix string) *spec.Swagger {
	return aggregator.FilterSpecByPathsWithoutSideEffects(doc, []string{prefix})
}

const gvkKey = "x-kubernetes-group-version-kind"

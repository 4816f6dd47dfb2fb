package openapimerge

import (
	"hash/maphash"
	"reflect"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// equalButGVKs says whether two definitions are equal as kube-openapi's merge compares them: but for the
// group-version-kinds of the definition itself, which may differ or be missing on a side.
func equalButGVKs(a, b *spec.Schema) bool {
	if len(a.Extensions)+len(b.Extensions) == 0 {
		left, right := *a, *b
		left.Extensions, right.Extensions = nil, nil
		return reflect.DeepEqual(&left, &right)
	}
	others := func(extensions spec.Extensions) int {
		if _, ok := extensions[gvkKey]; ok {
			return len(extensions) - 1
		}
		return len(extensions)
	}
	if others(a.Extensions) != others(b.Extensions) {
		return false
	}
	for key, value := range a.Extensions {
		if key != gvkKey && !reflect.DeepEqual(value, b.Extensions[key]) {
			return false
		}
	}
	left, right := *a, *b
	left.Extensions, right.Extensions = nil, nil
	return reflect.DeepEqual(&left, &right)
}

// fingerprintSeed is made once per process: fingerprints are compared, never shown.
var fingerprintSeed = maphash.MakeSeed()

// fingerprint hashes what most often tells two definitions of one name apart. Definitions that are equal
// but for their extensions have equal fingerprints; it is never 0.
func fingerprint(schema *spec.Schema) uint64 {
	var text maphash.Hash
	text.SetSeed(fingerprintSeed)
	_, _ = text.WriteString(schema.Description)
	_, _ = text.WriteString(schema.Format)
	for _, kind := range schema.Type {
		_, _ = text.WriteString(kind)
	}
	if schema.Ref.GetURL() != nil {
		_, _ = text.WriteString(schema.Ref.String())
	}
	sum := text.Sum64()
	// A sum does not depend on the order in which a map is walked.
	for name, property := range schema.Properties {
		sum += maphash.String(fingerprintSeed, name) * fingerprint(&property)
	}
	rest := *schema
	rest.Properties = nil
	eachSubschema(&rest, func(sub *spec.Schema, composed bool) {
		if composed {
			sum += 3 * fingerprint(sub)
		} else {
			sum += fingerprint(sub)
		}
	})
	return sum | 1
}

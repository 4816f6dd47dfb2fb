package openapimerge

import (
	"bytes"
	"crypto/sha256"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// digest is of a definition's encoding. To compare two is to compare the definitions, at a hundredth of the cost.
type digest [sha256.Size]byte

// digestOf is the digest of a definition without its group-version-kinds; zero if its encoding does not tell all of it,
// or may have a number that is equal to another, which only the zero with a sign is.
func digestOf(schema *spec.Schema, encoded []byte) digest {
	if ambiguous(schema) || bytes.Contains(encoded, []byte("-0")) {
		return digest{}
	}
	hash := sha256.New()
	if !eachMember(encoded, func(name, value []byte) {
		if string(name) != `"`+gvkKey+`"` {
			_, _ = hash.Write(name) // never fails
			_, _ = hash.Write([]byte{':'})
			_, _ = hash.Write(value)
			_, _ = hash.Write([]byte{','})
		}
	}) {
		return digest{}
	}
	return digest(hash.Sum(nil))
}

// sameDefinition says whether a definition of one document equals one of another as equalButGVKs does.
func sameDefinition(a *Document, i int, b *Document, j int) bool {
	return a == b && i == j || same(a.digest(i), b.digest(j), func() (*spec.Schema, error) { return a.schema(i) }, b, j)
}

// digest is zero for a definition of a document that has none.
func (p *Document) digest(i int) digest {
	if p.digests == nil {
		return digest{}
	}
	return p.digests[i]
}

// same compares a definition of which there is a digest, or zero, with one of a document.
func same(known, other digest, decoded func() (*spec.Schema, error), doc *Document, id int) bool {
	if known != (digest{}) && other != (digest{}) {
		return known == other
	}
	a, err := decoded()
	if err != nil {
		return false
	}
	b, err := doc.schema(id)
	return err == nil && equalButGVKs(a, b)
}

// ambiguous tells whether a schema has, somewhere, what is not equal to the same schema without it, though both are
// encoded alike: lists and maps that are there and empty, and a few rare parts that are not looked into.
func ambiguous(schema *spec.Schema) bool {
	if schema.Ref.GetURL() != nil && schema.Ref.String() == "" || schema.ExternalDocs != nil || schema.Dependencies != nil || schema.ExtraProps != nil ||
		hollowValue(schema.Example) || hasNull(schema.Extensions) || hollow(schema.Type) || hollow(schema.Enum) || hollow(schema.Required) ||
		hollow(schema.AllOf) || hollow(schema.AnyOf) || hollow(schema.OneOf) ||
		hollowMap(schema.Properties) || hollowMap(schema.PatternProperties) || hollowMap(schema.Definitions) ||
		schema.Items != nil && (hollow(schema.Items.Schemas) || schema.Items.Schema == nil) {
		return true
	}
	found := false
	eachSubschema(schema, func(sub *spec.Schema, _ bool) {
		found = found || hollowMap(sub.Extensions) || ambiguous(sub)
	})
	return found
}

// hollowValue tells the values that are left out of an encoding where it leaves out what is empty.
func hollowValue(value any) bool {
	switch v := value.(type) {
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// hasNull tells of an extension that is null, but for the one that is not compared.
func hasNull(extensions spec.Extensions) bool {
	for key, value := range extensions {
		if value == nil && key != gvkKey {
			return true
		}
	}
	return false
}

func hollow[S ~[]E, E any](list S) bool { return list != nil && len(list) == 0 }

func hollowMap[M ~map[K]V, K comparable, V any](m M) bool { return m != nil && len(m) == 0 }

package openapimerge

import (
	"fmt"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// schemas that differ from the first of their line, if at all, in what an encoding may not show.
var nearlyEqual = [][]string{
	{`{}`, `{"required":[]}`, `{"type":[]}`, `{"enum":[]}`, `{"properties":{}}`, `{"patternProperties":{}}`, `{"definitions":{}}`,
		`{"allOf":[]}`, `{"anyOf":[]}`, `{"oneOf":[]}`, `{"items":[]}`, `{"items":{}}`, `{"dependencies":{}}`, `{"externalDocs":{}}`,
		`{"description":""}`, `{"$ref":""}`, `{"nullable":false}`, `{"default":null}`, `{"example":null}`, `{"title":""}`, `{"format":""}`,
		`{"readOnly":false}`, `{"discriminator":""}`, `{"uniqueItems":false}`, `{"unknown":1}`, `{"$schema":""}`, `{"id":""}`, `{"not":{}}`,
		`{"x-kubernetes-group-version-kind":[]}`, `{"x-kubernetes-group-version-kind":null}`, `{"x-other":null}`, `{"x-another":null}`, `{"example":""}`, `{"example":[]}`, `{"example":{}}`, `{"example":0}`, `{"example":false}`, `{"example":[""]}`, `{"x-other":[]}`, `{"x-other":{}}`,
		`{"additionalProperties":true}`, `{"additionalProperties":false}`, `{"additionalProperties":{}}`, `{"additionalItems":true}`,
		`{"dependencies":{"a":["b"]}}`, `{"dependencies":{"a":{}}}`, `{"dependencies":{"a":[]}}`},
	{`{"default":[]}`, `{"default":{}}`, `{"default":null}`, `{"default":""}`, `{"default":0}`, `{"default":false}`, `{"default":0.0}`, `{"default":-0}`},
	{`{"enum":[1]}`, `{"enum":[1.0]}`, `{"enum":["1"]}`, `{"enum":[null]}`, `{"enum":[[]]}`, `{"enum":[{}]}`},
	{`{"maximum":1}`, `{"maximum":1.0}`, `{"maximum":0}`, `{"minimum":1}`, `{"maxLength":1}`, `{"maxLength":0}`},
	{`{"description":"\u003c"}`, `{"description":"<"}`, `{"description":"\\u003c"}`, `{"description":"é"}`, `{"description":"\u00e9"}`, `{"description":"e\u0301"}`},
	{`{"$ref":"#/definitions/A%20B"}`, `{"$ref":"#/definitions/A B"}`, `{"$ref":"#/definitions/A+B"}`, `{"$ref":"#/definitions/A~1B"}`},
	{`{"type":"string"}`, `{"type":["string"]}`, `{"type":["string","null"]}`},
}

// A digest tells two definitions apart exactly where comparing them does, on its own and as a part of another.
func TestDigestsCompareAsDefinitionsDo(t *testing.T) {
	t.Parallel()
	settled := 0
	for _, within := range []string{`%s`, `{"properties":{"a":%s}}`, `{"items":%s}`, `{"allOf":[%s]}`, `{"not":%s}`, `{"additionalProperties":%s}`, `{"x-kubernetes-group-version-kind":[],"properties":{"a":%s}}`} {
		for _, line := range nearlyEqual {
			var documents []*Document
			var decoded []spec.Schema
			for _, schema := range line {
				data := fmt.Sprintf(`{"swagger":"2.0","info":{"title":"","version":""},"paths":{},"definitions":{"A":%s}}`, fmt.Sprintf(within, schema))
				documents = append(documents, readDocument(t, []byte(data)))
				whole, err := DecodeV2([]byte(data))
				if err != nil {
					t.Fatal(err)
				}
				decoded = append(decoded, whole.Definitions["A"])
			}
			for i, a := range documents {
				for j, b := range documents {
					want := equalButGVKs(&decoded[i], &decoded[j])
					if got := sameDefinition(a, 0, b, 0); got != want {
						t.Errorf("%s and %s within %s: equal is %t, should be %t", line[i], line[j], within, got, want)
					}
					if i != j && a.digests != nil && b.digests != nil && a.digests[0] != (digest{}) && b.digests[0] != (digest{}) {
						settled++
					}
				}
			}
		}
	}
	if settled == 0 {
		t.Error("no two definitions were compared by their digests")
	}
}

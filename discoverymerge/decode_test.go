package discoverymerge_test

import (
	"strings"
	"testing"

	"github.com/kagg-project/kagg/discoverymerge"
)

// A document of another kind must not pass for an empty list: its resources would vanish as if the backend had none.
func TestDecodeRefusesOtherKinds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, document, aggregated, legacy string }{
		{"no kind", `{}`, "", ""},
		{"a status", `{"kind":"Status","apiVersion":"v1"}`, "Status", "Status"},
		{"the other form", `{"kind":"APIResourceList","apiVersion":"v1"}`, "APIResourceList", ""},
		{"the other form still", `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2"}`, "", "APIGroupDiscoveryList"},
		{"an older version", `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2beta1"}`, "v2beta1", "v2beta1"},
		{"a version that does not matter", `{"kind":"APIResourceList","apiVersion":"any/v7"}`, "APIResourceList", ""},
		{"no document", `<html>`, "document of 6 bytes", "document of 6 bytes"},
	} {
		_, err := discoverymerge.DecodeAggregated([]byte(test.document))
		if text := errorText(err); (text == "") != (test.aggregated == "") || !strings.Contains(text, test.aggregated) {
			t.Errorf("%s as aggregated: %q does not name %q", test.name, text, test.aggregated)
		}
		_, err = discoverymerge.DecodeLegacy(flunders, []byte(test.document))
		if text := errorText(err); (text == "") != (test.legacy == "") || !strings.Contains(text, test.legacy) {
			t.Errorf("%s as legacy: %q does not name %q", test.name, text, test.legacy)
		}
	}
}

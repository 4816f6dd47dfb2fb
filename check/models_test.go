package check

import (
	"os"
	"testing"

	"github.com/kagg-project/kagg/openapimerge"
)

// What the checks of references say of kubectl is so: it makes no models of such a document, and of the mended one it
// does.
func TestBrokenReferencesBreakModels(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"KAGG067", "KAGG068", "KAGG069", "KAGG069-percent"} {
		for _, mended := range []bool{false, true} {
			file := "../testdata/check/" + code + "/backends/wardle_api_443/openapi-v2.json"
			if mended {
				file = "../testdata/check/" + code + "/mended/backends/wardle_api_443/openapi-v2.json"
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := openapimerge.DecodeV2(data)
			if err != nil {
				t.Fatal(err)
			}
			if err := readModels(doc); (err == nil) != mended {
				t.Errorf("%s: the models say: %v", file, err)
			}
		}
	}
}

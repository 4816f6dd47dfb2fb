package check

import (
	"encoding/json"
	"strings"

	"k8s.io/kube-openapi/pkg/spec3"
)

// openAPIChecks are about the OpenAPI documents of the backends.
func openAPIChecks() []Check { return nil }

func decodeV3(data []byte) error { return json.Unmarshal(data, &spec3.OpenAPI{}) }

// hasPathsOf tells whether a document has paths of a group-version.
func (d *document) hasPathsOf(v ownVersion) bool {
	for path := range object(d.root, "paths") {
		if strings.HasPrefix(path, "/"+v.key()+"/") {
			return true
		}
	}
	return false
}

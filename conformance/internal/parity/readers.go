package parity

import (
	"encoding/json"
	"errors"
	"fmt"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	openapi_v3 "github.com/google/gnostic-models/openapiv3"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/openapi"
	"k8s.io/client-go/openapi3"
	utilproto "k8s.io/kube-openapi/pkg/util/proto"
)

// compareReaders gives both answers to what clients read them with.
func compareReaders(what string, real, kagg answered) []Difference {
	a, b := readable(what, real.body), readable(what, kagg.body)
	if a == b {
		return nil
	}
	return []Difference{{Where: "as read by clients, " + what, Real: a, Kagg: b}}
}

// readable says what a client finds in a document.
func readable(what string, body []byte) string {
	var found string
	var err error
	switch what {
	case "openapi-v2":
		found, err = readV2(body)
	case "openapi-v3":
		found, err = readV3(body)
	case "discovery":
		list := &apidiscoveryv2.APIGroupDiscoveryList{}
		if err = json.Unmarshal(body, list); err == nil {
			groups, resources, failed := discovery.SplitGroupsAndResources(*list)
			found = fmt.Sprintf("%d groups, %d resource lists, %d stale", len(groups.Groups), len(resources), len(failed))
		}
	default:
		err = errors.New("use parse: openapi-v2, openapi-v3 or discovery")
	}
	if err != nil {
		return "unreadable: " + err.Error()
	}
	return found
}

func readV2(body []byte) (string, error) {
	doc, err := openapi_v2.ParseDocument(body)
	if err != nil {
		return "", err
	}
	models, err := utilproto.NewOpenAPIData(doc)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("models %v", models.ListModels()), nil
}

func readV3(body []byte) (string, error) {
	doc, err := openapi_v3.ParseDocument(body)
	if err != nil {
		return "", err
	}
	models, err := utilproto.NewOpenAPIV3Data(doc)
	if err != nil {
		return "", err
	}
	root, err := openapi3.NewRoot(oneDocument(body)).GVSpec(readAs)
	if err != nil {
		return "", err
	}
	paths, schemas := 0, 0
	if root.Paths != nil {
		paths = len(root.Paths.Paths)
	}
	if root.Components != nil {
		schemas = len(root.Components.Schemas)
	}
	return fmt.Sprintf("models %v, %d paths and %d schemas", models.ListModels(), paths, schemas), nil
}

// readAs is the group-version that oneDocument has.
var readAs = schema.GroupVersion{Group: "read.example.com", Version: "v1"}

// oneDocument is an OpenAPI v3 server with one document.
type oneDocument []byte

// Paths implements openapi.Client.
func (d oneDocument) Paths() (map[string]openapi.GroupVersion, error) {
	return map[string]openapi.GroupVersion{"apis/" + readAs.String(): d}, nil
}

// Schema implements openapi.GroupVersion.
func (d oneDocument) Schema(string) ([]byte, error) { return d, nil }

// ServerRelativeURL implements openapi.GroupVersion.
func (d oneDocument) ServerRelativeURL() string { return "" }

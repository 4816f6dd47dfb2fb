package parity

import (
	"encoding/json"
	"errors"
	"fmt"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	openapi_v3 "github.com/google/gnostic-models/openapiv3"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/client-go/discovery"
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
	return fmt.Sprintf("models %v", models.ListModels()), nil
}

package aggregator_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	apiregistration "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/aggregator"
)

const gadgetsDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.toys.example.com}
spec:
  group: toys.example.com
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget, shortNames: [gd], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
    selectableFields: [{jsonPath: .spec.color}]
    additionalPrinterColumns:
    - {name: Color, type: string, jsonPath: .spec.color}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              color: {type: string, default: red, description: The color of the gadget.}
              replicas: {type: integer, default: 1}
              max: {type: integer}
              parts:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, size: {type: integer}}
            x-kubernetes-validations:
            - {rule: "!has(self.max) || self.replicas <= self.max", message: too many replicas}
          status:
            type: object
            properties: {replicas: {type: integer}, selector: {type: string}, phase: {type: string}}
`

var gadgets = schema.GroupVersionResource{Group: "toys.example.com", Version: "v1", Resource: "gadgets"}

// toys is a running aggregator with the clients that custom resources need.
type toys struct {
	*rig
	definitions clientset.Interface
	registered  apiregistration.Interface
	dynamic     dynamic.Interface
}

func newToys(t *testing.T, change func(*aggregator.Config)) *toys {
	t.Helper()
	r := newRig(t, change)
	return &toys{
		rig: r, definitions: clientset.NewForConfigOrDie(r.admin),
		registered: apiregistration.NewForConfigOrDie(r.admin), dynamic: dynamic.NewForConfigOrDie(r.admin),
	}
}

func definition(t *testing.T, text string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict([]byte(text), crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

// define creates a definition and waits until it is served everywhere.
func (r *toys) define(text string) *apiextensionsv1.CustomResourceDefinition {
	r.t.Helper()
	crd, err := r.definitions.ApiextensionsV1().CustomResourceDefinitions().Create(r.t.Context(), definition(r.t, text), metav1.CreateOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, v := range crd.Spec.Versions {
		if v.Served {
			r.discovered(crd.Spec.Group+"/"+v.Name, crd.Spec.Names.Plural, true)
		}
	}
	return crd
}

// discovered waits until discovery lists a resource, or does not.
func (r *toys) discovered(groupVersion, resource string, want bool) {
	r.t.Helper()
	r.eventually("discovery of "+groupVersion, func() bool {
		listed := strings.Contains(r.get("/apis/"+groupVersion).body, `"name":"`+resource+`"`)
		if listed != want || r.aggregated(groupVersion, resource) != want {
			return false
		}
		group, _, _ := strings.Cut(groupVersion, "/")
		return !want || strings.Contains(r.get("/apis/"+group).body, groupVersion) && strings.Contains(r.get("/apis").body, groupVersion)
	})
}

// aggregated tells whether the aggregated discovery document lists a resource.
func (r *toys) aggregated(groupVersion, resource string) bool {
	r.t.Helper()
	var list apidiscoveryv2.APIGroupDiscoveryList
	body := r.get("/apis", "Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList").body
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		r.t.Fatal(err)
	}
	for i := range list.Items {
		for j := range list.Items[i].Versions {
			v := &list.Items[i].Versions[j]
			if list.Items[i].Name+"/"+v.Version == groupVersion {
				return slices.ContainsFunc(v.Resources, func(d apidiscoveryv2.APIResourceDiscovery) bool { return d.Resource == resource })
			}
		}
	}
	return false
}

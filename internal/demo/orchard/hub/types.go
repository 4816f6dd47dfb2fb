// Package hub holds the form in which an apple is stored and worked on, whatever
// version it came in with. Every served version converts to it and from it, so a
// further version costs one pair of functions and not one pair for each other
// version. Nothing here is ever encoded for a client.
package hub

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of the orchard.
const GroupName = "orchard.demo.kagg.dev"

// GroupVersion is the internal version of the group.
var GroupVersion = schema.GroupVersion{Group: GroupName, Version: runtime.APIVersionInternal}

// Resource returns the orchard resource of that name, qualified with the group.
func Resource(name string) schema.GroupResource {
	return schema.GroupResource{Group: GroupName, Resource: name}
}

// AddToScheme registers the hub types in scheme. It never fails; the error is
// there to fit a runtime.SchemeBuilder.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Apple{}, &AppleList{})
	return nil
}

// Apple is one apple on its tree.
type Apple struct {
	metav1.TypeMeta
	metav1.ObjectMeta

	Spec   AppleSpec
	Status AppleStatus
}

// AppleSpec is what a gardener says about an apple.
type AppleSpec struct {
	// Variety is the kind of apple, such as Boskoop.
	Variety string
	// Ripe is true when the apple may be picked.
	Ripe bool
}

// AppleStatus is what became of an apple.
type AppleStatus struct {
	// Phase is Growing or Picked.
	Phase string
}

// The phases of an apple.
const (
	PhaseGrowing = "Growing"
	PhasePicked  = "Picked"
)

// AppleList is a list of apples.
type AppleList struct {
	metav1.TypeMeta
	metav1.ListMeta

	Items []Apple
}

package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Apple is one apple on its tree.
type Apple struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata"`

	// Spec is what a gardener says about the apple.
	// +optional
	Spec AppleSpec `json:"spec"`
	// Status is what became of the apple.
	// +optional
	Status AppleStatus `json:"status"`
}

// AppleSpec is what a gardener says about an apple.
type AppleSpec struct {
	// Variety is the kind of apple, such as Boskoop.
	Variety string `json:"variety"`
	// Ripe is true when the apple may be picked.
	Ripe bool `json:"ripe,omitempty"`
}

// AppleStatus is what became of an apple.
type AppleStatus struct {
	// Phase is Growing or Picked.
	Phase string `json:"phase,omitempty"`
}

// AppleList is a list of apples.
type AppleList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata"`

	// Items are the apples.
	Items []Apple `json:"items"`
}

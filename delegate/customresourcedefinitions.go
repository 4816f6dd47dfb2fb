package delegate

import (
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/admission"
)

// addCustomResourceDefinitions registers apiextensions.k8s.io/v1 and its internal version. v1beta1, which
// upstream keeps for storage, was served to nobody since 1.22.
func addCustomResourceDefinitions(s *runtime.Scheme) {
	utilruntime.Must(apiextensions.AddToScheme(s))
	utilruntime.Must(apiextensionsv1.AddToScheme(s))
	utilruntime.Must(s.SetVersionPriority(apiextensionsv1.SchemeGroupVersion))
}

// addCustomResourceDefinitions lays out the definitions; package customresources serves what they define.
func (s *Server) addCustomResourceDefinitions(out storages) error {
	store, err := customresourcedefinition.NewREST(Scheme, s.config.RESTOptionsGetter)
	if err != nil {
		return fmt.Errorf("opening the storage of customresourcedefinitions: %w", err)
	}
	out.add(apiextensionsv1.SchemeGroupVersion, "customresourcedefinitions", store)
	out.add(apiextensionsv1.SchemeGroupVersion, "customresourcedefinitions/status", customresourcedefinition.NewStatusREST(Scheme, store))
	return nil
}

// Admission is what admits each write to the local APIs: the next server in the chain holds its own
// objects to the same rules.
func (s *Server) Admission() admission.Interface { return s.admission }

package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/internal/demo/orchard/hub"
)

// GroupVersion is the group and version that this package's types are served as.
var GroupVersion = schema.GroupVersion{Group: hub.GroupName, Version: "v1beta1"}

// AddToScheme registers the types of this version, their defaults and their
// conversions in scheme. It fails only on a function that is registered twice.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Apple{}, &AppleList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	scheme.AddTypeDefaultingFunc(&Apple{}, func(obj any) { setDefaults(obj.(*Apple)) })
	scheme.AddTypeDefaultingFunc(&AppleList{}, func(obj any) {
		list := obj.(*AppleList)
		for i := range list.Items {
			setDefaults(&list.Items[i])
		}
	})
	return addConversions(scheme)
}

// setDefaults fills what a new apple may leave out.
func setDefaults(apple *Apple) {
	if apple.Status.Phase == "" {
		apple.Status.Phase = hub.PhaseGrowing
	}
}

func addConversions(scheme *runtime.Scheme) error {
	for _, add := range []func() error{
		func() error {
			return scheme.AddConversionFunc((*Apple)(nil), (*hub.Apple)(nil), func(in, out any, _ conversion.Scope) error {
				toHub(in.(*Apple), out.(*hub.Apple))
				return nil
			})
		},
		func() error {
			return scheme.AddConversionFunc((*hub.Apple)(nil), (*Apple)(nil), func(in, out any, _ conversion.Scope) error {
				fromHub(in.(*hub.Apple), out.(*Apple))
				return nil
			})
		},
		func() error {
			return scheme.AddConversionFunc((*AppleList)(nil), (*hub.AppleList)(nil), func(in, out any, _ conversion.Scope) error {
				listToHub(in.(*AppleList), out.(*hub.AppleList))
				return nil
			})
		},
		func() error {
			return scheme.AddConversionFunc((*hub.AppleList)(nil), (*AppleList)(nil), func(in, out any, _ conversion.Scope) error {
				listFromHub(in.(*hub.AppleList), out.(*AppleList))
				return nil
			})
		},
	} {
		if err := add(); err != nil {
			return err
		}
	}
	return nil
}

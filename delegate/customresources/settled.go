package customresources

import (
	"slices"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	informers "k8s.io/apiextensions-apiserver/pkg/client/informers/externalversions/apiextensions/v1"
	listers "k8s.io/apiextensions-apiserver/pkg/client/listers/apiextensions/v1"
)

// settling is for how long upstream's handler holds creations up after a definition was established, two
// seconds each, so that the other servers of a cluster get to know it (customresource_handler.go,
// serveResource).
const settling = 2 * time.Second

// settled shows definitions to the handler as if they had been established before: there are no other
// servers to wait for. Nobody else sees them so.
type settled struct {
	informers.CustomResourceDefinitionInformer
}

// Lister implements informers.CustomResourceDefinitionInformer.
func (s settled) Lister() listers.CustomResourceDefinitionLister {
	return settledLister{s.CustomResourceDefinitionInformer.Lister()}
}

type settledLister struct {
	listers.CustomResourceDefinitionLister
}

// Get implements listers.CustomResourceDefinitionLister.
func (l settledLister) Get(name string) (*apiextensionsv1.CustomResourceDefinition, error) {
	crd, err := l.CustomResourceDefinitionLister.Get(name)
	if err != nil {
		return nil, err
	}
	return settle(crd, time.Now()), nil
}

// settle returns the definition, or a shallow copy with another time, if it was established just now.
func settle(crd *apiextensionsv1.CustomResourceDefinition, now time.Time) *apiextensionsv1.CustomResourceDefinition {
	c := apihelpers.FindCRDCondition(crd, apiextensionsv1.Established)
	if c == nil || now.Sub(c.LastTransitionTime.Time) >= settling {
		return crd
	}
	out := *crd
	out.Status.Conditions = slices.Clone(crd.Status.Conditions)
	apihelpers.FindCRDCondition(&out, apiextensionsv1.Established).LastTransitionTime.Time = now.Add(-settling)
	return &out
}

package discoverymerge

import (
	"fmt"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// decoder reads aggregated and legacy discovery documents in any of the encodings of the API machinery. It converts,
// because an APIResourceList has no version of its own: one of any apiVersion is as good.
var decoder = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	utilruntime.Must(apidiscoveryv2.AddToScheme(scheme))
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return serializer.NewCodecFactory(scheme).UniversalDecoder()
}()

// DecodeAggregated decodes a backend's APIGroupDiscoveryList, in apidiscovery.k8s.io/v2 alone, and takes it apart as
// FromAggregated does. A document that names no kind is taken for one; any other kind is an error.
func DecodeAggregated(data []byte) (map[schema.GroupVersion]apidiscoveryv2.APIVersionDiscovery, error) {
	list := &apidiscoveryv2.APIGroupDiscoveryList{}
	if err := runtime.DecodeInto(decoder, data, list); err != nil {
		return nil, fmt.Errorf("the aggregated discovery document of %d bytes cannot be read: %w", len(data), err)
	}
	return FromAggregated(list), nil
}

// DecodeLegacy decodes the APIResourceList that a backend gives for one group-version, and converts it as FromLegacy
// does. A document that names no kind is taken for one; any other kind is an error.
func DecodeLegacy(gv schema.GroupVersion, data []byte) (*apidiscoveryv2.APIVersionDiscovery, error) {
	list := &metav1.APIResourceList{}
	if err := runtime.DecodeInto(decoder, data, list); err != nil {
		return nil, fmt.Errorf("the discovery document of %d bytes cannot be read: %w", len(data), err)
	}
	return FromLegacy(gv, list)
}

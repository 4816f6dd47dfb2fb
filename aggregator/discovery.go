package aggregator

import (
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	apidiscoveryv2conversion "k8s.io/apiserver/pkg/apis/apidiscovery/v2"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	"k8s.io/apiserver/pkg/endpoints/handlers/negotiation"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"

	"github.com/kagg-project/kagg/discoverymerge"
)

// discoveryDocument is the merged discovery and what it is made from.
type discoveryDocument struct {
	inputs []discoverymerge.Input
	result discoverymerge.Result
	// explained is the result with its decisions.
	explained func() discoverymerge.Result
	etag      func() string
	// answers are those to /apis in any form, groups those to /apis/ and to who
	// asks for the unaggregated form.
	answers, groups *answers
}

var (
	aggregatedDiscoveryCodecs = newAggregatedDiscoveryCodecs()
	legacyDiscoveryCodecs     = newLegacyDiscoveryCodecs()
)

func newAggregatedDiscoveryCodecs() serializer.CodecFactory {
	scheme := runtime.NewScheme()
	utilruntime.Must(apidiscoveryv2.AddToScheme(scheme))
	utilruntime.Must(apidiscoveryv2conversion.RegisterConversions(scheme))
	return serializer.NewCodecFactory(scheme, serializer.WithSerializer(cbor.NewSerializerInfo))
}

func newLegacyDiscoveryCodecs() serializer.CodecFactory {
	scheme := runtime.NewScheme()
	v1 := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(scheme, v1)
	scheme.AddUnversionedTypes(v1, &metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	return serializer.NewCodecFactory(scheme, serializer.WithSerializer(cbor.NewSerializerInfo))
}

func newDiscoveryDocument(inputs []discoverymerge.Input) *discoveryDocument {
	d := &discoveryDocument{inputs: inputs, result: discoverymerge.Documents(inputs, discoverymerge.UpstreamQuirks())}
	d.explained = sync.OnceValue(func() discoverymerge.Result { return discoverymerge.Merge(inputs, discoverymerge.UpstreamQuirks()) })
	d.etag = sync.OnceValue(func() string { return discoveryETag(d.result.Aggregated) })
	d.answers = newAnswers(http.HandlerFunc(d.negotiate), (*http.Request).UserAgent)
	d.groups = newAnswers(http.HandlerFunc(d.negotiateGroups), (*http.Request).UserAgent)
	return d
}

// serve answers /apis.
func (d *discoveryDocument) serve(w http.ResponseWriter, req *http.Request) {
	d.answers.ServeHTTP(w, req)
}

// serveGroups answers /apis/ with the unaggregated list.
func (d *discoveryDocument) serveGroups(w http.ResponseWriter, req *http.Request) {
	d.groups.ServeHTTP(w, req)
}

// discoveryETag is computed as k8s.io/apiserver does
// (pkg/endpoints/discovery/aggregated, calculateETag), so that a client's cache
// of one server is good for the other when they serve the same.
func discoveryETag(list *apidiscoveryv2.APIGroupDiscoveryList) string {
	data, err := json.Marshal(list)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%X", sha512.Sum512(data))
}

// negotiate answers /apis in the form that the Accept header asks for, as
// k8s.io/apiserver does (pkg/endpoints/discovery/aggregated, WrappedHandler);
// CBOR is always among the encodings here, not behind a feature gate.
func (d *discoveryDocument) negotiate(w http.ResponseWriter, req *http.Request) {
	media, _ := negotiation.NegotiateMediaTypeOptions(req.Header.Get("Accept"),
		aggregatedDiscoveryCodecs.SupportedMediaTypes(), aggregated.DiscoveryEndpointRestrictions)
	if !aggregated.IsAggregatedDiscoveryGVK(media.Convert) {
		d.negotiateGroups(w, req)
		return
	}
	if media.Convert.GroupVersion() != apidiscoveryv2.SchemeGroupVersion {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	aggregated.ServeHTTPWithETag(d.result.Aggregated, d.etag(), media.Convert.GroupVersion(), aggregatedDiscoveryCodecs, w, req)
}

// negotiateGroups answers with the unaggregated list.
func (d *discoveryDocument) negotiateGroups(w http.ResponseWriter, req *http.Request) {
	writeDiscovery(w, req, d.result.Groups)
}

// serveGroup answers /apis/GROUP. It is called for groups that an APIService
// has.
func (d *discoveryDocument) serveGroup(w http.ResponseWriter, req *http.Request, name string) {
	group := d.result.Group(name)
	if group == nil {
		http.Error(w, "", http.StatusNotFound)
		return
	}
	writeDiscovery(w, req, group)
}

func writeDiscovery(w http.ResponseWriter, req *http.Request, o runtime.Object) {
	responsewriters.WriteObjectNegotiated(legacyDiscoveryCodecs, negotiation.DefaultEndpointRestrictions,
		schema.GroupVersion{}, w, req, http.StatusOK, o, false)
}

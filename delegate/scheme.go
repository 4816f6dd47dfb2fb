package delegate

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	flowcontrolv1beta3 "k8s.io/api/flowcontrol/v1beta3"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration/install"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/delegate/serviceaccount"
)

var (
	// Scheme knows every kind that the delegate serves, with defaults and field selectors. Each kind of
	// k8s.io/api is its own internal version, so nothing is converted between the wire and the storage;
	// only apiregistration.k8s.io and apiextensions.k8s.io have internal types of their own. It must not be
	// changed.
	Scheme = newScheme()
	// Codecs encodes and decodes what Scheme knows.
	Codecs = serializer.NewCodecFactory(Scheme)
)

// externalGroups are the groups whose types come from k8s.io/api, in the order in which /apis lists them.
func externalGroups() []runtime.SchemeBuilder {
	return []runtime.SchemeBuilder{
		corev1.SchemeBuilder, authenticationv1.SchemeBuilder, authorizationv1.SchemeBuilder,
		autoscalingv2.SchemeBuilder, autoscalingv1.SchemeBuilder, batchv1.SchemeBuilder,
		certificatesv1.SchemeBuilder, networkingv1.SchemeBuilder, policyv1.SchemeBuilder,
		rbacv1.SchemeBuilder, storagev1.SchemeBuilder, flowcontrolv1.SchemeBuilder, flowcontrolv1beta3.SchemeBuilder, appsv1.SchemeBuilder,
		admissionregistrationv1.SchemeBuilder, schedulingv1.SchemeBuilder, coordinationv1.SchemeBuilder,
		nodev1.SchemeBuilder, discoveryv1.SchemeBuilder, eventsv1.SchemeBuilder,
		resourcev1.SchemeBuilder, storagemigrationv1.SchemeBuilder,
	}
}

// newExternalScheme registers the served versions only. OpenAPI definitions are named after it: the
// internal versions of newScheme would show in their x-kubernetes-group-version-kind.
func newExternalScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, group := range externalGroups() {
		utilruntime.Must(group.AddToScheme(s))
	}
	utilruntime.Must(apiregistrationv1.AddToScheme(s))
	utilruntime.Must(apiextensionsv1.AddToScheme(s))
	return s
}

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	install.Install(s)
	addCustomResourceDefinitions(s)
	for _, group := range externalGroups() {
		utilruntime.Must(group.AddToScheme(s))
	}
	for i := range table {
		addRow(s, &table[i])
	}
	for _, review := range []runtime.Object{&authenticationv1.TokenReview{}, &authenticationv1.SelfSubjectReview{}, &authenticationv1.TokenRequest{}} {
		addInternal(s, authenticationv1.SchemeGroupVersion.Group, review)
	}
	for _, review := range []runtime.Object{
		&authorizationv1.SubjectAccessReview{}, &authorizationv1.LocalSubjectAccessReview{},
		&authorizationv1.SelfSubjectAccessReview{}, &authorizationv1.SelfSubjectRulesReview{},
	} {
		addInternal(s, authorizationv1.SchemeGroupVersion.Group, review)
	}
	s.AddTypeDefaultingFunc(&authenticationv1.TokenRequest{}, func(obj any) {
		if r, ok := obj.(*authenticationv1.TokenRequest); ok {
			serviceaccount.DefaultRequest(r)
		}
	})
	addInternal(s, corev1.GroupName, &corev1.Binding{}, &corev1.ComponentStatus{}, &corev1.ComponentStatusList{})
	addInternal(s, policyv1.GroupName, &policyv1.Eviction{})
	addInternal(s, autoscalingv1.GroupName, &autoscalingv1.Scale{})
	addConnectOptions(s)
	addEventConversions(s)
	return s
}

// addInternal makes the external Go type its own internal version.
func addInternal(s *runtime.Scheme, group string, objects ...runtime.Object) {
	s.AddKnownTypes(schema.GroupVersion{Group: group, Version: runtime.APIVersionInternal}, objects...)
}

func addRow(s *runtime.Scheme, r *row) {
	addInternal(s, r.gv.Group, r.object, r.list)
	if r.defaults != nil {
		s.AddTypeDefaultingFunc(r.object, func(obj any) {
			if o, ok := obj.(runtime.Object); ok {
				r.defaults(o)
			}
		})
	}
	addFieldLabels(s, r.gv.WithKind(r.kind()), r.selectors)
	for i := range r.also {
		addVersion(s, r, &r.also[i])
	}
}

func addVersion(s *runtime.Scheme, r *row, v *otherVersion) {
	if v.defaults != nil {
		s.AddTypeDefaultingFunc(v.object, func(obj any) {
			if o, ok := obj.(runtime.Object); ok {
				v.defaults(o)
			}
		})
	}
	v.register(s)
	addFieldLabels(s, v.gv.WithKind(r.kind()), r.selectors)
}

// addFieldLabels accepts the row's field selectors; others are refused with upstream's text.
func addFieldLabels(s *runtime.Scheme, gvk schema.GroupVersionKind, selectors []selector) {
	if len(selectors) == 0 {
		return // the scheme's default knows metadata.name and metadata.namespace
	}
	known := fields.Set{metav1.ObjectNameField: "", "metadata.namespace": ""}
	for _, sel := range selectors {
		known[sel.name] = ""
	}
	utilruntime.Must(s.AddFieldLabelConversionFunc(gvk, func(label, value string) (string, string, error) {
		if !known.Has(label) {
			return "", "", fmt.Errorf("field label not supported: %s", label)
		}
		return label, value, nil
	}))
}

// StorageCodec returns the codec that encodes objects of a resource to the version that is kept and
// decodes them to the form that the delegate's stores work on, and that version. Both kinds of event are
// kept as v1. Resources of other groups, which CustomResourceDefinitions define, are kept as the JSON of the
// version that the definition's own codec encodes to; no versioner tells it.
func StorageCodec(gr schema.GroupResource) (runtime.Codec, runtime.GroupVersioner, error) {
	group := gr.Group
	if group == eventsv1.GroupName {
		group = corev1.GroupName
	}
	versions := Scheme.PrioritizedVersionsForGroup(group)
	if len(versions) == 0 {
		return unstructured.UnstructuredJSONScheme, nil, nil
	}
	codec := Codecs.LegacyCodec(versions[0])
	return runtime.NewCodec(codec, kindless{codec}), versions[0], nil
}

// kindless decodes to objects that do not say what kind they are, as a conversion to an internal version
// of another Go type leaves them: an encoder says it where it belongs, which is not in the items of a
// list.
type kindless struct{ runtime.Decoder }

// Decode implements runtime.Decoder.
func (k kindless) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	obj, gvk, err := k.Decoder.Decode(data, defaults, into)
	if obj != nil {
		obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	}
	return obj, gvk, err
}

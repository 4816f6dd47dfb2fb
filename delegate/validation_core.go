package delegate

import (
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxDataSize is how many bytes a ConfigMap or Secret may hold.
const maxDataSize = 1 << 20

const immutableText = "field is immutable when `immutable` is set"

func validateConfigMap(c, old *corev1.ConfigMap) field.ErrorList {
	size := 0
	for _, v := range c.Data {
		size += len(v)
	}
	for _, v := range c.BinaryData {
		size += len(v)
	}
	errs := validateKeys(field.NewPath("data"), slices.Sorted(maps.Keys(c.Data)))
	errs = append(errs, validateKeys(field.NewPath("binaryData"), slices.Sorted(maps.Keys(c.BinaryData)))...)
	for _, k := range slices.Sorted(maps.Keys(c.BinaryData)) {
		if _, both := c.Data[k]; both {
			errs = append(errs, field.Invalid(field.NewPath("data").Key(k), k, "duplicate of key present in binaryData"))
		}
	}
	if size > maxDataSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", maxDataSize))
	}
	if old == nil || old.Immutable == nil || !*old.Immutable {
		return errs
	}
	if c.Immutable == nil || !*c.Immutable {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableText))
	}
	if !maps.Equal(c.Data, old.Data) {
		errs = append(errs, field.Forbidden(field.NewPath("data"), immutableText))
	}
	if !equality.Semantic.DeepEqual(c.BinaryData, old.BinaryData) {
		errs = append(errs, field.Forbidden(field.NewPath("binaryData"), immutableText))
	}
	return errs
}

func validateKeys(at *field.Path, keys []string) field.ErrorList {
	var errs field.ErrorList
	for _, k := range keys {
		for _, msg := range validation.IsConfigMapKey(k) {
			errs = append(errs, field.Invalid(at.Key(k), k, msg))
		}
	}
	return errs
}

func validateSecret(s, old *corev1.Secret) field.ErrorList {
	size := 0
	for _, v := range s.Data {
		size += len(v)
	}
	errs := validateKeys(field.NewPath("data"), slices.Sorted(maps.Keys(s.Data)))
	if size > maxDataSize {
		errs = append(errs, field.TooLong(field.NewPath("data"), "", maxDataSize))
	}
	errs = append(errs, validateSecretType(s)...)
	if old == nil {
		return errs
	}
	errs = append(errs, apivalidation.ValidateImmutableField(s.Type, old.Type, field.NewPath("type"))...)
	if old.Immutable == nil || !*old.Immutable {
		return errs
	}
	if s.Immutable == nil || !*s.Immutable {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableText))
	}
	if !equality.Semantic.DeepEqual(s.Data, old.Data) {
		errs = append(errs, field.Forbidden(field.NewPath("data"), immutableText))
	}
	return errs
}

var (
	protocols    = []corev1.Protocol{corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP}
	serviceTypes = []corev1.ServiceType{
		corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort,
	}
	addressTypes = []discoveryv1.AddressType{
		discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6,
	}
)

// validateService checks what decides where an APIService's requests go. It follows
// pkg/apis/core/validation/validation.go, ValidateService.
func validateService(s, _ *corev1.Service) field.ErrorList {
	var errs field.ErrorList
	spec := field.NewPath("spec")
	if !slices.Contains(serviceTypes, s.Spec.Type) {
		errs = append(errs, field.NotSupported(spec.Child("type"), s.Spec.Type, serviceTypes))
	}
	external := s.Spec.Type == corev1.ServiceTypeExternalName
	headless := s.Spec.ClusterIP == corev1.ClusterIPNone
	if len(s.Spec.Ports) == 0 && !external && !headless {
		errs = append(errs, field.Required(spec.Child("ports"), ""))
	}
	if external {
		for _, msg := range validation.IsDNS1123Subdomain(trimDot(s.Spec.ExternalName)) {
			errs = append(errs, field.Invalid(spec.Child("externalName"), s.Spec.ExternalName, msg))
		}
	}
	if ip := s.Spec.ClusterIP; ip != "" && !headless {
		if _, err := netip.ParseAddr(ip); err != nil {
			errs = append(errs, field.Invalid(spec.Child("clusterIPs").Index(0), ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"))
		}
	}
	names := sets.New[string]()
	for i := range s.Spec.Ports {
		errs = append(errs, validateServicePort(spec.Child("ports").Index(i), &s.Spec.Ports[i], len(s.Spec.Ports) > 1, names)...)
	}
	return errs
}

func validateServicePort(at *field.Path, p *corev1.ServicePort, several bool, names sets.Set[string]) field.ErrorList {
	var errs field.ErrorList
	switch {
	case p.Name == "" && several:
		errs = append(errs, field.Required(at.Child("name"), ""))
	case p.Name != "":
		for _, msg := range validation.IsDNS1123Label(p.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), p.Name, msg))
		}
		if names.Has(p.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
		}
		names.Insert(p.Name)
	}
	for _, msg := range validation.IsValidPortNum(int(p.Port)) {
		errs = append(errs, field.Invalid(at.Child("port"), p.Port, msg))
	}
	if !slices.Contains(protocols, p.Protocol) {
		errs = append(errs, field.NotSupported(at.Child("protocol"), p.Protocol, protocols))
	}
	msgs := validation.IsValidPortNum(p.TargetPort.IntValue())
	if p.TargetPort.Type == intstr.String {
		msgs = validation.IsValidPortName(p.TargetPort.StrVal)
	}
	for _, msg := range msgs {
		errs = append(errs, field.Invalid(at.Child("targetPort"), p.TargetPort, msg))
	}
	return errs
}

func trimDot(s string) string {
	if n := len(s); n > 0 && s[n-1] == '.' {
		return s[:n-1]
	}
	return s
}

func validateEndpoints(e, _ *corev1.Endpoints) field.ErrorList { //nolint:staticcheck // served as long as upstream does
	var errs field.ErrorList
	for i := range e.Subsets {
		s, at := &e.Subsets[i], field.NewPath("subsets").Index(i)
		if len(s.Addresses)+len(s.NotReadyAddresses) == 0 {
			errs = append(errs, field.Required(at, "must specify `addresses` or `notReadyAddresses`"))
		}
		for j := range s.Addresses {
			errs = append(errs, validateAddress(at.Child("addresses").Index(j).Child("ip"), s.Addresses[j].IP)...)
		}
		for j := range s.Ports {
			for _, msg := range validation.IsValidPortNum(int(s.Ports[j].Port)) {
				errs = append(errs, field.Invalid(at.Child("ports").Index(j).Child("port"), s.Ports[j].Port, msg))
			}
		}
	}
	return errs
}

// validateAddress accepts loopback addresses, which a cluster refuses: here the backends are local.
func validateAddress(at *field.Path, ip string) field.ErrorList {
	if _, err := netip.ParseAddr(ip); err != nil {
		return field.ErrorList{field.Invalid(at, ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")}
	}
	return nil
}

func validateEndpointSlice(e, old *discoveryv1.EndpointSlice) field.ErrorList {
	var errs field.ErrorList
	switch {
	case e.AddressType == "":
		errs = append(errs, field.Required(field.NewPath("addressType"), ""))
	case !slices.Contains(addressTypes, e.AddressType):
		errs = append(errs, field.NotSupported(field.NewPath("addressType"), e.AddressType, addressTypes))
	}
	for i := range e.Endpoints {
		at := field.NewPath("endpoints").Index(i).Child("addresses")
		if len(e.Endpoints[i].Addresses) == 0 {
			errs = append(errs, field.Required(at, "must contain at least 1 address"))
		}
		for j, a := range e.Endpoints[i].Addresses {
			if e.AddressType == discoveryv1.AddressTypeIPv4 || e.AddressType == discoveryv1.AddressTypeIPv6 {
				errs = append(errs, validateAddress(at.Index(j), a)...)
			}
		}
	}
	for i := range e.Ports {
		if p := e.Ports[i].Port; p != nil {
			for _, msg := range validation.IsValidPortNum(int(*p)) {
				errs = append(errs, field.Invalid(field.NewPath("ports").Index(i).Child("port"), *p, msg))
			}
		}
	}
	if old != nil {
		errs = append(errs, apivalidation.ValidateImmutableField(e.AddressType, old.AddressType, field.NewPath("addressType"))...)
	}
	return errs
}

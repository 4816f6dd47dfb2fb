package delegate

import (
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	unversionedvalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var pathTypes = []networkingv1.PathType{networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific, networkingv1.PathTypePrefix}

// validateIngress follows pkg/apis/networking/validation/validation.go, ValidateIngressSpec.
func validateIngress(i, _ *networkingv1.Ingress) field.ErrorList {
	var errs field.ErrorList
	spec := field.NewPath("spec")
	if len(i.Spec.Rules) == 0 && i.Spec.DefaultBackend == nil {
		errs = append(errs, field.Invalid(spec, i.Spec.Rules, "either `defaultBackend` or `rules` must be specified"))
	}
	if b := i.Spec.DefaultBackend; b != nil {
		errs = append(errs, validateBackend(b, spec.Child("defaultBackend"))...)
	}
	for n := range i.Spec.Rules {
		r, at := &i.Spec.Rules[n], spec.Child("rules").Index(n)
		errs = append(errs, validateHost(r.Host, at.Child("host"))...)
		if r.HTTP == nil {
			continue
		}
		if len(r.HTTP.Paths) == 0 {
			errs = append(errs, field.Required(at.Child("http", "paths"), ""))
		}
		for m := range r.HTTP.Paths {
			errs = append(errs, validatePath(&r.HTTP.Paths[m], at.Child("http", "paths").Index(m))...)
		}
	}
	if c := i.Spec.IngressClassName; c != nil {
		for _, msg := range validation.IsDNS1123Subdomain(*c) {
			errs = append(errs, field.Invalid(spec.Child("ingressClassName"), *c, msg))
		}
	}
	return errs
}

func validateHost(host string, at *field.Path) field.ErrorList {
	if host == "" {
		return nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return field.ErrorList{field.Invalid(at, host, "must be a DNS name, not an IP address")}
	}
	msgs := validation.IsDNS1123Subdomain(host)
	if strings.Contains(host, "*") {
		msgs = validation.IsWildcardDNS1123Subdomain(host)
	}
	var errs field.ErrorList
	for _, msg := range msgs {
		errs = append(errs, field.Invalid(at, host, msg))
	}
	return errs
}

func validatePath(p *networkingv1.HTTPIngressPath, at *field.Path) field.ErrorList {
	if p.PathType == nil {
		return field.ErrorList{field.Required(at.Child("pathType"), "pathType must be specified")}
	}
	var errs field.ErrorList
	switch *p.PathType {
	case networkingv1.PathTypeExact, networkingv1.PathTypePrefix:
		if !strings.HasPrefix(p.Path, "/") {
			errs = append(errs, field.Invalid(at.Child("path"), p.Path, "must be an absolute path"))
		}
	case networkingv1.PathTypeImplementationSpecific:
		if p.Path != "" && !strings.HasPrefix(p.Path, "/") {
			errs = append(errs, field.Invalid(at.Child("path"), p.Path, "must be an absolute path"))
		}
	default:
		errs = append(errs, field.NotSupported(at.Child("pathType"), *p.PathType, pathTypes))
	}
	return append(errs, validateBackend(&p.Backend, at.Child("backend"))...)
}

func validateBackend(b *networkingv1.IngressBackend, at *field.Path) field.ErrorList {
	switch {
	case b.Resource != nil && b.Service != nil:
		return field.ErrorList{field.Invalid(at, "", "cannot set both resource and service backends")}
	case b.Resource != nil:
		return nil
	case b.Service == nil:
		return field.ErrorList{field.Invalid(at, "", "resource or service backend is required")}
	}
	var errs field.ErrorList
	if b.Service.Name == "" {
		errs = append(errs, field.Required(at.Child("service", "name"), ""))
	} else {
		for _, msg := range apivalidation.NameIsDNSLabel(b.Service.Name, false) {
			errs = append(errs, field.Invalid(at.Child("service", "name"), b.Service.Name, msg))
		}
	}
	switch port := b.Service.Port; {
	case port.Name != "" && port.Number != 0:
		errs = append(errs, field.Invalid(at, "", "cannot set both port name & port number"))
	case port.Name != "":
		for _, msg := range validation.IsValidPortName(port.Name) {
			errs = append(errs, field.Invalid(at.Child("service", "port", "name"), port.Name, msg))
		}
	case port.Number != 0:
		for _, msg := range validation.IsValidPortNum(int(port.Number)) {
			errs = append(errs, field.Invalid(at.Child("service", "port", "number"), port.Number, msg))
		}
	default:
		errs = append(errs, field.Required(at, "port name or number is required"))
	}
	return errs
}

func validateIngressClass(c, old *networkingv1.IngressClass) field.ErrorList {
	at := field.NewPath("spec", "controller")
	errs := validation.IsDomainPrefixedPath(at, c.Spec.Controller)
	if old != nil {
		errs = append(errs, unchanged(at, c.Spec.Controller, old.Spec.Controller)...)
	}
	return errs
}

func nameIsIP(name string, _ bool) []string {
	problems := validation.IsValidIP(&field.Path{}, name)
	out := make([]string, 0, len(problems))
	for _, err := range problems {
		out = append(out, err.Detail)
	}
	return out
}

func validateIPAddress(a, old *networkingv1.IPAddress) field.ErrorList {
	at := field.NewPath("spec", "parentRef")
	p := a.Spec.ParentRef
	if p == nil {
		return field.ErrorList{field.Required(at, "")}
	}
	var errs field.ErrorList
	for _, f := range []struct{ name, value string }{{"resource", p.Resource}, {"name", p.Name}} {
		if f.value == "" {
			errs = append(errs, field.Required(at.Child(f.name), ""))
			continue
		}
		for _, msg := range content.IsPathSegmentName(f.value) {
			errs = append(errs, field.Invalid(at.Child(f.name), f.value, msg))
		}
	}
	if old != nil {
		errs = append(errs, unchanged(at, a.Spec.ParentRef, old.Spec.ParentRef)...)
	}
	return errs
}

func validateServiceCIDR(c, old *networkingv1.ServiceCIDR) field.ErrorList {
	at := field.NewPath("spec", "cidrs")
	var errs field.ErrorList
	if n := len(c.Spec.CIDRs); n == 0 {
		errs = append(errs, field.Required(at, "at least one CIDR required"))
	} else if n > 2 {
		errs = append(errs, field.Invalid(at, c.Spec.CIDRs, "may only hold up to 2 values"))
	}
	for i, cidr := range c.Spec.CIDRs {
		errs = append(errs, validation.IsValidCIDR(at.Index(i), cidr)...)
	}
	if old != nil && (len(old.Spec.CIDRs) != 1 || len(c.Spec.CIDRs) != 2 || c.Spec.CIDRs[0] != old.Spec.CIDRs[0]) {
		errs = append(errs, unchanged(at, c.Spec.CIDRs, old.Spec.CIDRs)...)
	}
	return errs
}

// validateBudget follows pkg/apis/policy/validation/validation.go.
func validateBudget(b, _ *policyv1.PodDisruptionBudget) field.ErrorList {
	spec := field.NewPath("spec")
	var errs field.ErrorList
	if b.Spec.MinAvailable != nil && b.Spec.MaxUnavailable != nil {
		errs = append(errs, field.Invalid(spec, b.Spec, "minAvailable and maxUnavailable cannot be both set"))
	}
	errs = append(errs, notNegativePortion(b.Spec.MinAvailable, spec.Child("minAvailable"))...)
	errs = append(errs, notNegativePortion(b.Spec.MaxUnavailable, spec.Child("maxUnavailable"))...)
	if b.Spec.Selector != nil {
		errs = append(errs, unversionedvalidation.ValidateLabelSelector(b.Spec.Selector, unversionedvalidation.LabelSelectorValidationOptions{}, spec.Child("selector"))...)
	}
	if p := b.Spec.UnhealthyPodEvictionPolicy; p != nil {
		policies := []policyv1.UnhealthyPodEvictionPolicyType{policyv1.AlwaysAllow, policyv1.IfHealthyBudget}
		if !slices.Contains(policies, *p) {
			errs = append(errs, field.NotSupported(spec.Child("unhealthyPodEvictionPolicy"), *p, policies))
		}
	}
	return errs
}

package manifest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	certutil "k8s.io/client-go/util/cert"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration/validation"
)

func isAPIService(gk schema.GroupKind) bool {
	return gk == schema.GroupKind{Group: apiregistration.GroupName, Kind: "APIService"}
}

// validator turns field errors of an object into errors with lines.
type validator struct {
	*report
	doc          *value
	path         string
	structureBad bool // a field was unknown, twice there or of a wrong type, and is left out of the object
	named        bool // the document has a name that can be judged
}

// addAll reports errs, each with what mend says to do about it. What follows from another error is left
// out: a field that is missing only since it was misspelt, and a name that was reported as missing.
func (v validator) addAll(errs field.ErrorList, mend func(*field.Error) string) {
	seen := make([]string, 0, len(errs))
	for _, e := range errs {
		line, good := v.doc.find(e.Field)
		if !good && v.structureBad || !v.named && e.Field == "metadata.name" {
			continue
		}
		if text := e.Error(); !slices.Contains(seen, text) {
			seen = append(seen, text)
			v.add(line, join(v.path, e.Field), e.ErrorBody(), mend(e))
		}
	}
}

// generalMend is what can be said of any field.
func generalMend(e *field.Error) string {
	switch e.Type {
	case field.ErrorTypeRequired:
		return "write it"
	case field.ErrorTypeForbidden:
		return "remove it"
	case field.ErrorTypeTooLong, field.ErrorTypeTooMany:
		return "make it shorter"
	case field.ErrorTypeDuplicate:
		return "remove one of the two"
	default:
		return "correct the value"
	}
}

// checkAPIService holds an APIService to kube-aggregator's own defaults and validation, and its
// caBundle to being PEM, which kube-aggregator finds out only when it dials.
func (d *decoder) checkAPIService(object runtime.Object, v validator) {
	d.registration.Default(object)
	var service apiregistration.APIService
	if err := d.registration.Convert(object, &service, nil); err != nil {
		v.add(v.doc.firstLine(), v.path, fmt.Sprintf("convert to the internal version: %v", err), "correct the object")
		return
	}
	if v.structureBad && (service.Spec.Version == "" || service.Spec.Group == "") {
		v.named = false // nobody knows what name is wanted
	}
	v.addAll(validation.ValidateAPIService(context.Background(), &service), func(e *field.Error) string {
		return mendAPIService(e, &service)
	})
	if len(service.Spec.CABundle) > 0 {
		if _, err := certutil.ParseCertsPEM(service.Spec.CABundle); err != nil {
			line, _ := v.doc.find("spec.caBundle")
			v.add(line, join(v.path, "spec.caBundle"), fmt.Sprintf("its %d bytes are no PEM certificates: %v", len(service.Spec.CABundle), err),
				"write the base64 of a PEM file with the CA's certificate, as made by: base64 -w0 ca.crt")
		}
	}
}

// mendAPIService says what to write into a field that ValidateAPIService refused.
func mendAPIService(e *field.Error, s *apiregistration.APIService) string {
	spec := s.Spec
	switch e.Field {
	case "metadata.name":
		if group, ok := strings.CutPrefix(s.Name, spec.Version+"."); ok && spec.Group == "" && spec.Version != "" {
			return fmt.Sprintf("write %q under spec, or %q", "group: "+group, "name: "+spec.Version+".")
		}
		if spec.Version == "" {
			return "write spec.version and spec.group, and join them with a dot as the name"
		}
		return fmt.Sprintf("write %q", "name: "+spec.Version+"."+spec.Group)
	case "spec.group":
		if spec.Group == "" {
			return `write "group: <group>", such as wardle.example.com`
		}
		return "write lower-case letters, digits and -, with dots between, such as wardle.example.com"
	case "spec.version":
		return `write "version: <version>", such as v1 or v1alpha1`
	case "spec.groupPriorityMinimum":
		return `write a number from 1 to 20000, such as "groupPriorityMinimum: 1000"`
	case "spec.versionPriority":
		return `write a number from 1 to 1000, such as "versionPriority: 15"`
	case "spec.caBundle":
		return "remove it, or write spec.service"
	case "spec.insecureSkipTLSVerify":
		if spec.Service == nil {
			return "remove it, or write spec.service"
		}
		return "remove it to have the caBundle used, or remove the caBundle"
	case "spec.service.namespace":
		return `write "namespace: <namespace>" under service`
	case "spec.service.name":
		return `write "name: <service>" under service`
	case "spec.service.port":
		return "write a number from 1 to 65535, or leave it out for 443"
	}
	return generalMend(e)
}

package delegate

import (
	"errors"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// accessAttributes turns a review's question into the authorizer's.
func accessAttributes(u user.Info, res *authorizationv1.ResourceAttributes, non *authorizationv1.NonResourceAttributes) authorizer.AttributesRecord {
	if res == nil {
		if non == nil {
			non = &authorizationv1.NonResourceAttributes{}
		}
		return authorizer.AttributesRecord{User: u, Verb: non.Verb, Path: non.Path}
	}
	a := authorizer.AttributesRecord{
		User: u, Verb: res.Verb, Namespace: res.Namespace, APIGroup: res.Group,
		APIVersion: or(res.Version, "*"), Resource: res.Resource, Subresource: res.Subresource,
		Name: res.Name, ResourceRequest: true,
	}
	if res.LabelSelector != nil {
		a.LabelSelectorRequirements, a.LabelSelectorParsingErr = labelRequirements(res.LabelSelector)
	}
	if res.FieldSelector != nil {
		a.FieldSelectorRequirements, a.FieldSelectorParsingErr = fieldRequirements(res.FieldSelector)
	}
	return a
}

// labelOperators are those of label selectors in the words of the authorizer.
var labelOperators = map[metav1.LabelSelectorOperator]selection.Operator{
	metav1.LabelSelectorOpIn:           selection.In,
	metav1.LabelSelectorOpNotIn:        selection.NotIn,
	metav1.LabelSelectorOpExists:       selection.Exists,
	metav1.LabelSelectorOpDoesNotExist: selection.DoesNotExist,
}

// labelRequirements returns what it understands, with an error about the rest: requirements are all to be
// met, so to leave one out asks for more access and never for less. Upstream:
// pkg/registry/authorization/util/helpers.go.
func labelRequirements(s *authorizationv1.LabelSelectorAttributes) (labels.Requirements, error) {
	if s.RawSelector != "" {
		parsed, err := labels.Parse(s.RawSelector)
		if err != nil {
			return nil, err
		}
		reqs, _ := parsed.Requirements()
		return reqs, nil
	}
	var out labels.Requirements
	var errs []error
	for _, r := range s.Requirements {
		op, ok := labelOperators[r.Operator]
		if !ok {
			errs = append(errs, fmt.Errorf("%q is not a valid label selector operator", r.Operator))
			continue
		}
		values := r.Values
		if len(values) == 0 {
			values = nil
		}
		req, err := labels.NewRequirement(r.Key, op, values)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, *req)
	}
	return out, utilerrors.NewAggregate(errs)
}

// fieldRequirements is labelRequirements for fields, which know equality with one value only.
func fieldRequirements(s *authorizationv1.FieldSelectorAttributes) (fields.Requirements, error) {
	if s.RawSelector != "" {
		parsed, err := fields.ParseSelector(s.RawSelector)
		if err != nil {
			return nil, err
		}
		return parsed.Requirements(), nil
	}
	var out fields.Requirements
	var errs []error
	for _, r := range s.Requirements {
		req, err := fieldRequirement(r)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, req)
	}
	return out, utilerrors.NewAggregate(errs)
}

func fieldRequirement(r metav1.FieldSelectorRequirement) (fields.Requirement, error) {
	if len(r.Values) > 1 {
		return fields.Requirement{}, errors.New("fieldSelectors do not yet support multiple values")
	}
	out := fields.Requirement{Field: r.Key}
	switch r.Operator {
	case metav1.FieldSelectorOpIn:
		out.Operator = selection.Equals
	case metav1.FieldSelectorOpNotIn:
		out.Operator = selection.NotEquals
	case metav1.FieldSelectorOpExists, metav1.FieldSelectorOpDoesNotExist:
		return out, fmt.Errorf("fieldSelectors do not yet support %v", r.Operator)
	default:
		return out, fmt.Errorf("%q is not a valid field selector operator", r.Operator)
	}
	if len(r.Values) != 1 {
		return out, fmt.Errorf("fieldSelectors %s must have one value", r.Operator)
	}
	out.Value = r.Values[0]
	return out, nil
}

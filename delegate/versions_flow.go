package delegate

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	flowcontrolv1beta3 "k8s.io/api/flowcontrol/v1beta3"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// keepZeroShares marks a priority level of v1beta3 whose zero shares are meant, and not left out.
const keepZeroShares = flowcontrolv1beta3.PriorityLevelPreserveZeroConcurrencySharesKey

// flowSchemaBeta3 serves FlowSchemas to custom apiservers from before v1.29, which watch v1beta3.
func flowSchemaBeta3() otherVersion {
	return otherVersion{
		gv: flowcontrolv1beta3.SchemeGroupVersion, object: &flowcontrolv1beta3.FlowSchema{}, list: &flowcontrolv1beta3.FlowSchemaList{},
		defaults: defaulting(func(f *flowcontrolv1beta3.FlowSchema) { setDefault(&f.Spec.MatchingPrecedence, 1000) }),
		register: func(s *runtime.Scheme) {
			converts(s, throughJSON[flowcontrolv1beta3.FlowSchema, flowcontrolv1.FlowSchema], throughJSON[flowcontrolv1.FlowSchema, flowcontrolv1beta3.FlowSchema],
				func(l *flowcontrolv1beta3.FlowSchemaList) *[]flowcontrolv1beta3.FlowSchema { return &l.Items },
				func(l *flowcontrolv1.FlowSchemaList) *[]flowcontrolv1.FlowSchema { return &l.Items })
		},
	}
}

// priorityLevelBeta3 serves PriorityLevelConfigurations as v1beta3.
func priorityLevelBeta3() otherVersion {
	return otherVersion{
		gv: flowcontrolv1beta3.SchemeGroupVersion, object: &flowcontrolv1beta3.PriorityLevelConfiguration{}, list: &flowcontrolv1beta3.PriorityLevelConfigurationList{},
		defaults: defaulting(defaultPriorityLevelBeta3),
		register: func(s *runtime.Scheme) {
			converts(s, priorityLevelToV1, priorityLevelFromV1,
				func(l *flowcontrolv1beta3.PriorityLevelConfigurationList) *[]flowcontrolv1beta3.PriorityLevelConfiguration {
					return &l.Items
				},
				func(l *flowcontrolv1.PriorityLevelConfigurationList) *[]flowcontrolv1.PriorityLevelConfiguration {
					return &l.Items
				})
		},
	}
}

func defaultPriorityLevelBeta3(p *flowcontrolv1beta3.PriorityLevelConfiguration) {
	if l := p.Spec.Limited; l != nil {
		if _, kept := p.Annotations[keepZeroShares]; !kept {
			setDefault(&l.NominalConcurrencyShares, 30)
		}
		setPointer(&l.LendablePercent, 0)
		setDefault(&l.LimitResponse.Type, flowcontrolv1beta3.LimitResponseTypeReject)
	}
}

// priorityLevelToV1 turns v1beta3's shares, which cannot be absent, into v1's, and drops the mark that
// says a zero is meant. Upstream: pkg/apis/flowcontrol/v1beta3/conversion.go.
func priorityLevelToV1(in *flowcontrolv1beta3.PriorityLevelConfiguration, out *flowcontrolv1.PriorityLevelConfiguration) error {
	if err := throughJSON(in, out); err != nil {
		return err
	}
	if in.Spec.Limited != nil {
		out.Spec.Limited.NominalConcurrencyShares = new(in.Spec.Limited.NominalConcurrencyShares)
	}
	delete(out.Annotations, keepZeroShares)
	if len(out.Annotations) == 0 {
		out.Annotations = nil
	}
	return nil
}

func priorityLevelFromV1(in *flowcontrolv1.PriorityLevelConfiguration, out *flowcontrolv1beta3.PriorityLevelConfiguration) error {
	if err := throughJSON(in, out); err != nil {
		return err
	}
	if l := in.Spec.Limited; l != nil && ptr.Deref(l.NominalConcurrencyShares, 1) == 0 {
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
		out.Annotations[keepZeroShares] = ""
	}
	return nil
}

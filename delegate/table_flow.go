package delegate

import (
	"strconv"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func flowRows() []row {
	gv := flowcontrolv1.SchemeGroupVersion
	return []row{
		{
			gv: gv, object: &flowcontrolv1.FlowSchema{}, list: &flowcontrolv1.FlowSchemaList{}, resource: "flowschemas",
			cluster: true, status: true, generation: true, also: []otherVersion{flowSchemaBeta3()},
			defaults: defaulting(func(f *flowcontrolv1.FlowSchema) {
				setDefault(&f.Spec.MatchingPrecedence, 1000)
			}),
			validate: checking(validateFlowSchema),
			columns: []column{
				text("PriorityLevel", of(func(f *flowcontrolv1.FlowSchema) any { return f.Spec.PriorityLevelConfiguration.Name })),
				text("MatchingPrecedence", of(func(f *flowcontrolv1.FlowSchema) any { return int64(f.Spec.MatchingPrecedence) })),
				text("DistinguisherMethod", of(func(f *flowcontrolv1.FlowSchema) any {
					if f.Spec.DistinguisherMethod == nil {
						return none
					}
					return string(f.Spec.DistinguisherMethod.Type)
				})),
				age(),
				text("MissingPL", of(func(f *flowcontrolv1.FlowSchema) any {
					for _, c := range f.Status.Conditions {
						if c.Type == flowcontrolv1.FlowSchemaConditionDangling {
							return string(c.Status)
						}
					}
					return "?"
				})),
			},
		},
		{
			gv: gv, object: &flowcontrolv1.PriorityLevelConfiguration{}, list: &flowcontrolv1.PriorityLevelConfigurationList{},
			resource: "prioritylevelconfigurations", cluster: true, status: true, generation: true, also: []otherVersion{priorityLevelBeta3()},
			defaults: defaulting(defaultPriorityLevel), columns: priorityLevelColumns(),
		},
	}
}

func validateFlowSchema(f, _ *flowcontrolv1.FlowSchema) field.ErrorList {
	var errs field.ErrorList
	spec := field.NewPath("spec")
	if p := f.Spec.MatchingPrecedence; p <= 0 || p > flowcontrolv1.FlowSchemaMaxMatchingPrecedence {
		errs = append(errs, field.Invalid(spec.Child("matchingPrecedence"), p, "must be a value between 1 and 10000"))
	}
	if f.Spec.PriorityLevelConfiguration.Name == "" {
		errs = append(errs, field.Required(spec.Child("priorityLevelConfiguration", "name"), "must reference a priority level"))
	}
	return errs
}

// defaultPriorityLevel follows pkg/apis/flowcontrol/v1/defaults.go.
func defaultPriorityLevel(p *flowcontrolv1.PriorityLevelConfiguration) {
	if p.Spec.Type == flowcontrolv1.PriorityLevelEnablementExempt {
		setPointer(&p.Spec.Exempt, flowcontrolv1.ExemptPriorityLevelConfiguration{})
		setPointer(&p.Spec.Exempt.NominalConcurrencyShares, 0)
		setPointer(&p.Spec.Exempt.LendablePercent, 0)
	}
	limited := p.Spec.Limited
	if limited == nil {
		return
	}
	setPointer(&limited.NominalConcurrencyShares, 30)
	setPointer(&limited.LendablePercent, 0)
	setDefault(&limited.LimitResponse.Type, flowcontrolv1.LimitResponseTypeReject)
	if q := limited.LimitResponse.Queuing; q != nil {
		setDefault(&q.Queues, 64)
		setDefault(&q.HandSize, 8)
		setDefault(&q.QueueLengthLimit, 50)
	}
}

func priorityLevelColumns() []column {
	queuing := func(value func(*flowcontrolv1.QueuingConfiguration) int32) func(*flowcontrolv1.PriorityLevelConfiguration) any {
		return func(p *flowcontrolv1.PriorityLevelConfiguration) any {
			if p.Spec.Limited == nil || p.Spec.Limited.LimitResponse.Queuing == nil {
				return none
			}
			return strconv.Itoa(int(value(p.Spec.Limited.LimitResponse.Queuing)))
		}
	}
	return []column{
		text("Type", of(func(p *flowcontrolv1.PriorityLevelConfiguration) any { return string(p.Spec.Type) })),
		text("NominalConcurrencyShares", of(func(p *flowcontrolv1.PriorityLevelConfiguration) any {
			if p.Spec.Limited == nil || p.Spec.Limited.NominalConcurrencyShares == nil {
				return none
			}
			return strconv.Itoa(int(*p.Spec.Limited.NominalConcurrencyShares))
		})),
		text("Queues", of(queuing(func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.Queues }))),
		text("HandSize", of(queuing(func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.HandSize }))),
		text("QueueLengthLimit", of(queuing(func(q *flowcontrolv1.QueuingConfiguration) int32 { return q.QueueLengthLimit }))),
	}
}

package delegate

import (
	"strconv"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
)

func platformRows() []row {
	return []row{
		{
			gv: coordinationv1.SchemeGroupVersion, object: &coordinationv1.Lease{}, list: &coordinationv1.LeaseList{}, resource: "leases",
			createOnUpdate: true, preconditioned: true,
			columns: []column{text("Holder", of(func(l *coordinationv1.Lease) any {
				if l.Spec.HolderIdentity == nil {
					return ""
				}
				return *l.Spec.HolderIdentity
			}))},
		},
		{
			gv: discoveryv1.SchemeGroupVersion, object: &discoveryv1.EndpointSlice{}, list: &discoveryv1.EndpointSliceList{}, resource: "endpointslices",
			generation: true, defaults: defaulting(defaultEndpointSlice), validate: checking(validateEndpointSlice),
			columns: []column{
				text("AddressType", of(func(e *discoveryv1.EndpointSlice) any { return string(e.AddressType) })),
				text("Ports", of(slicePorts)),
				text("Endpoints", of(func(e *discoveryv1.EndpointSlice) any {
					var addresses []string
					for i := range e.Endpoints {
						addresses = append(addresses, e.Endpoints[i].Addresses...)
					}
					return joinSome(addresses)
				})),
			},
		},
		{
			gv: nodev1.SchemeGroupVersion, object: &nodev1.RuntimeClass{}, list: &nodev1.RuntimeClassList{}, resource: "runtimeclasses",
			cluster: true, preconditioned: true, createOnUpdate: true, validate: checking(validateRuntimeClass),
			columns: []column{text("Handler", of(func(r *nodev1.RuntimeClass) any { return r.Handler }))},
		},
		{
			gv: schedulingv1.SchemeGroupVersion, object: &schedulingv1.PriorityClass{}, list: &schedulingv1.PriorityClassList{}, resource: "priorityclasses",
			cluster: true, short: []string{"pc"}, generation: true, validate: checking(validatePriorityClass),
			defaults: defaulting(func(p *schedulingv1.PriorityClass) {
				setPointer(&p.PreemptionPolicy, corev1.PreemptLowerPriority)
			}),
			columns: []column{
				integer("Value", of(func(p *schedulingv1.PriorityClass) any { return int64(p.Value) })),
				boolean("Global-Default", of(func(p *schedulingv1.PriorityClass) any { return p.GlobalDefault })),
				age(),
				text("PreemptionPolicy", of(func(p *schedulingv1.PriorityClass) any { return pointed(p.PreemptionPolicy, "") })),
			},
		},
	}
}

func slicePorts(e *discoveryv1.EndpointSlice) any {
	if e.Ports == nil {
		return unset
	}
	var ports []string
	for i := range e.Ports {
		p := "*"
		if e.Ports[i].Port != nil {
			p = strconv.Itoa(int(*e.Ports[i].Port))
		}
		ports = append(ports, p)
	}
	return joinSome(ports)
}

// pointed shows what p points to.
func pointed[T ~string](p *T, otherwise string) string {
	if p == nil {
		return otherwise
	}
	return string(*p)
}

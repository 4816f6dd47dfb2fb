package delegate

import (
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// resourceRows are the kinds of dynamic resource allocation.
func resourceRows() []row {
	gv := resourcev1.SchemeGroupVersion
	return []row{
		{
			gv: gv, object: &resourcev1.DeviceClass{}, list: &resourcev1.DeviceClassList{}, resource: "deviceclasses",
			cluster: true, generation: true,
		},
		{
			gv: gv, object: &resourcev1.DeviceTaintRule{}, list: &resourcev1.DeviceTaintRuleList{}, resource: "devicetaintrules",
			cluster: true, status: true, generation: true,
			defaults: defaulting(func(r *resourcev1.DeviceTaintRule) { defaultTaint(&r.Spec.Taint) }),
			columns: []column{
				text("Key", of(func(r *resourcev1.DeviceTaintRule) any { return r.Spec.Taint.Key })),
				text("Value", of(func(r *resourcev1.DeviceTaintRule) any { return r.Spec.Taint.Value })),
				text("Effect", of(func(r *resourcev1.DeviceTaintRule) any { return string(r.Spec.Taint.Effect) })),
				text("TimeAdded", of(func(r *resourcev1.DeviceTaintRule) any {
					if r.Spec.Taint.TimeAdded == nil {
						return unknown
					}
					return since(*r.Spec.Taint.TimeAdded)
				})),
			},
		},
		{
			gv: gv, object: &resourcev1.ResourceClaim{}, list: &resourcev1.ResourceClaimList{}, resource: "resourceclaims", status: true,
			defaults: defaulting(func(c *resourcev1.ResourceClaim) { defaultDevices(&c.Spec) }),
			validate: checking(func(c, old *resourcev1.ResourceClaim) field.ErrorList {
				if old == nil {
					return nil
				}
				return unchanged(field.NewPath("spec"), c.Spec, old.Spec)
			}),
			columns: []column{text("State", of(claimState))},
		},
		{
			gv: gv, object: &resourcev1.ResourceClaimTemplate{}, list: &resourcev1.ResourceClaimTemplateList{}, resource: "resourceclaimtemplates",
			defaults: defaulting(func(t *resourcev1.ResourceClaimTemplate) { defaultDevices(&t.Spec.Spec) }),
			validate: checking(func(t, old *resourcev1.ResourceClaimTemplate) field.ErrorList {
				if old == nil {
					return nil
				}
				return unchanged(field.NewPath("spec"), t.Spec, old.Spec)
			}),
		},
		{
			gv: gv, object: &resourcev1.ResourceSlice{}, list: &resourcev1.ResourceSliceList{}, resource: "resourceslices",
			cluster: true, generation: true,
			defaults: defaulting(func(s *resourcev1.ResourceSlice) {
				for i := range s.Spec.Devices {
					for j := range s.Spec.Devices[i].Taints {
						defaultTaint(&s.Spec.Devices[i].Taints[j])
					}
				}
			}),
			selectors: []selector{
				{resourcev1.ResourceSliceSelectorNodeName, of(func(s *resourcev1.ResourceSlice) string { return pointed(s.Spec.NodeName, "") })},
				{resourcev1.ResourceSliceSelectorDriver, of(func(s *resourcev1.ResourceSlice) string { return s.Spec.Driver })},
				{resourcev1.ResourceSliceSelectorPoolName, of(func(s *resourcev1.ResourceSlice) string { return s.Spec.Pool.Name })},
			},
			columns: []column{
				text("Node", of(func(s *resourcev1.ResourceSlice) any { return pointed(s.Spec.NodeName, "") })),
				text("Driver", of(func(s *resourcev1.ResourceSlice) any { return s.Spec.Driver })),
				text("Pool", of(func(s *resourcev1.ResourceSlice) any { return s.Spec.Pool.Name })),
			},
		},
		migrationRow(),
	}
}

func migrationRow() row {
	return row{
		gv: storagemigrationv1.SchemeGroupVersion, object: &storagemigrationv1.StorageVersionMigration{}, list: &storagemigrationv1.StorageVersionMigrationList{},
		resource: "storageversionmigrations", cluster: true, status: true, preconditioned: true,
		validate: checking(func(m, old *storagemigrationv1.StorageVersionMigration) field.ErrorList {
			if m.Spec.Resource.Resource == "" {
				return field.ErrorList{field.Required(field.NewPath("spec", "resource", "resource"), "resource is required")}
			}
			if old == nil {
				return nil
			}
			return unchanged(field.NewPath("spec"), m.Spec, old.Spec)
		}),
		ageless: true,
		columns: []column{
			text("Resource", of(func(m *storagemigrationv1.StorageVersionMigration) any { return m.Spec.Resource.String() })),
			text("Status", of(func(m *storagemigrationv1.StorageVersionMigration) any {
				state := "Unknown"
				for _, c := range m.Status.Conditions {
					switch c.Type {
					case string(storagemigrationv1.MigrationRunning), string(storagemigrationv1.MigrationFailed), string(storagemigrationv1.MigrationSucceeded):
						if c.Status == metav1.ConditionTrue {
							state = c.Type
						}
					}
				}
				return state
			})),
		},
	}
}

func claimState(c *resourcev1.ResourceClaim) any {
	var states []string
	if c.DeletionTimestamp != nil {
		states = append(states, "deleted")
	}
	switch {
	case c.Status.Allocation != nil:
		states = append(states, "allocated")
		if len(c.Status.ReservedFor) > 0 {
			states = append(states, "reserved")
		}
	case c.DeletionTimestamp == nil:
		states = append(states, "pending")
	}
	return strings.Join(states, ",")
}

func defaultTaint(t *resourcev1.DeviceTaint) {
	if t.TimeAdded == nil {
		now := metav1.Now().Rfc3339Copy()
		t.TimeAdded = &now
	}
}

// defaultDevices follows pkg/apis/resource/v1/defaults.go.
func defaultDevices(s *resourcev1.ResourceClaimSpec) {
	for i := range s.Devices.Requests {
		if e := s.Devices.Requests[i].Exactly; e != nil {
			setDefault(&e.AllocationMode, resourcev1.DeviceAllocationModeExactCount)
			if e.AllocationMode == resourcev1.DeviceAllocationModeExactCount {
				setDefault(&e.Count, 1)
			}
		}
		for j := range s.Devices.Requests[i].FirstAvailable {
			sub := &s.Devices.Requests[i].FirstAvailable[j]
			setDefault(&sub.AllocationMode, resourcev1.DeviceAllocationModeExactCount)
			if sub.AllocationMode == resourcev1.DeviceAllocationModeExactCount {
				setDefault(&sub.Count, 1)
			}
		}
	}
}

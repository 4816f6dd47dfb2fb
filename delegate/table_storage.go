package delegate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/ptr"
)

func storageRows() []row {
	gv := storagev1.SchemeGroupVersion
	return []row{
		{
			gv: gv, object: &storagev1.StorageClass{}, list: &storagev1.StorageClassList{}, resource: "storageclasses",
			cluster: true, short: []string{"sc"},
			defaults: defaulting(func(s *storagev1.StorageClass) {
				setPointer(&s.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete)
				setPointer(&s.VolumeBindingMode, storagev1.VolumeBindingImmediate)
			}),
			columns: []column{
				text("Provisioner", of(func(s *storagev1.StorageClass) any { return s.Provisioner })),
				text("ReclaimPolicy", of(func(s *storagev1.StorageClass) any {
					return pointed(s.ReclaimPolicy, string(corev1.PersistentVolumeReclaimDelete))
				})),
				text("VolumeBindingMode", of(func(s *storagev1.StorageClass) any { return pointed(s.VolumeBindingMode, unset) })),
				text("AllowVolumeExpansion", of(func(s *storagev1.StorageClass) any {
					return s.AllowVolumeExpansion != nil && *s.AllowVolumeExpansion
				})),
			},
		},
		{
			gv: gv, object: &storagev1.CSINode{}, list: &storagev1.CSINodeList{}, resource: "csinodes", cluster: true, preconditioned: true, status: true,
			columns: []column{integer("Drivers", of(func(c *storagev1.CSINode) any { return int64(len(c.Spec.Drivers)) }))},
		},
		{
			gv: gv, object: &storagev1.CSIDriver{}, list: &storagev1.CSIDriverList{}, resource: "csidrivers", cluster: true, preconditioned: true,
			defaults: defaulting(defaultDriver), columns: driverColumns(),
		},
		{
			gv: gv, object: &storagev1.VolumeAttachment{}, list: &storagev1.VolumeAttachmentList{}, resource: "volumeattachments",
			cluster: true, status: true, preconditioned: true,
			columns: []column{
				text("Attacher", of(func(v *storagev1.VolumeAttachment) any { return v.Spec.Attacher })),
				text("PV", of(func(v *storagev1.VolumeAttachment) any { return pointed(v.Spec.Source.PersistentVolumeName, "") })),
				text("Node", of(func(v *storagev1.VolumeAttachment) any { return v.Spec.NodeName })),
				boolean("Attached", of(func(v *storagev1.VolumeAttachment) any { return v.Status.Attached })),
			},
		},
		{
			gv: gv, object: &storagev1.CSIStorageCapacity{}, list: &storagev1.CSIStorageCapacityList{}, resource: "csistoragecapacities", preconditioned: true, ageless: true,
			columns: []column{
				text("StorageClassName", of(func(c *storagev1.CSIStorageCapacity) any { return c.StorageClassName })),
				text("Capacity", of(func(c *storagev1.CSIStorageCapacity) any {
					if c.Capacity == nil {
						return unset
					}
					return c.Capacity.String()
				})),
			},
		},
		{
			gv: gv, object: &storagev1.VolumeAttributesClass{}, list: &storagev1.VolumeAttributesClassList{}, resource: "volumeattributesclasses",
			cluster: true, short: []string{"vac"}, validate: checking(validateAttributesClass),
			columns: []column{text("DriverName", of(func(c *storagev1.VolumeAttributesClass) any { return c.DriverName }))},
		},
	}
}

// defaultDriver follows pkg/apis/storage/v1/defaults.go, SetDefaults_CSIDriver.
func defaultDriver(d *storagev1.CSIDriver) {
	setPointer(&d.Spec.AttachRequired, true)
	setPointer(&d.Spec.PodInfoOnMount, false)
	setPointer(&d.Spec.StorageCapacity, false)
	setPointer(&d.Spec.FSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)
	if len(d.Spec.VolumeLifecycleModes) == 0 {
		d.Spec.VolumeLifecycleModes = []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent}
	}
	setPointer(&d.Spec.RequiresRepublish, false)
	setPointer(&d.Spec.SELinuxMount, false)
}

func driverColumns() []column {
	flag := func(name string, value func(*storagev1.CSIDriverSpec) *bool, otherwise bool) column {
		return boolean(name, of(func(d *storagev1.CSIDriver) any { return ptr.Deref(value(&d.Spec), otherwise) }))
	}
	return []column{
		flag("AttachRequired", func(s *storagev1.CSIDriverSpec) *bool { return s.AttachRequired }, true),
		flag("PodInfoOnMount", func(s *storagev1.CSIDriverSpec) *bool { return s.PodInfoOnMount }, false),
		flag("StorageCapacity", func(s *storagev1.CSIDriverSpec) *bool { return s.StorageCapacity }, false),
		text("TokenRequests", of(func(d *storagev1.CSIDriver) any {
			if d.Spec.TokenRequests == nil {
				return unset
			}
			audiences := make([]string, 0, len(d.Spec.TokenRequests))
			for _, t := range d.Spec.TokenRequests {
				audiences = append(audiences, t.Audience)
			}
			return strings.Join(audiences, ",")
		})),
		flag("RequiresRepublish", func(s *storagev1.CSIDriverSpec) *bool { return s.RequiresRepublish }, false),
		text("Modes", of(func(d *storagev1.CSIDriver) any {
			modes := make([]string, 0, len(d.Spec.VolumeLifecycleModes))
			for _, m := range d.Spec.VolumeLifecycleModes {
				modes = append(modes, string(m))
			}
			return or(strings.Join(modes, ","), none)
		})),
	}
}

// coreRareRows are the kinds of the core group that no custom apiserver asks for at its start.
func coreRareRows() []row {
	gv := corev1.SchemeGroupVersion
	return []row{
		{
			gv: gv, object: &corev1.PersistentVolume{}, list: &corev1.PersistentVolumeList{}, resource: "persistentvolumes",
			cluster: true, short: []string{"pv"}, status: true,
			defaults: defaulting(func(p *corev1.PersistentVolume) {
				setDefault(&p.Spec.PersistentVolumeReclaimPolicy, corev1.PersistentVolumeReclaimRetain)
				setPointer(&p.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
			}),
			prepare: pair(func(p, old *corev1.PersistentVolume) {
				if old == nil {
					p.Status.Phase = corev1.VolumePending
				}
			}),
			columns: []column{
				text("Capacity", of(func(p *corev1.PersistentVolume) any { return p.Spec.Capacity.Storage().String() })),
				text("Access Modes", of(func(p *corev1.PersistentVolume) any { return accessModes(p.Spec.AccessModes) })),
				text("Reclaim Policy", of(func(p *corev1.PersistentVolume) any { return string(p.Spec.PersistentVolumeReclaimPolicy) })),
				text("Status", of(func(p *corev1.PersistentVolume) any { return phase(p, string(p.Status.Phase)) })),
				text("Claim", of(func(p *corev1.PersistentVolume) any {
					if p.Spec.ClaimRef == nil {
						return ""
					}
					return p.Spec.ClaimRef.Namespace + "/" + p.Spec.ClaimRef.Name
				})),
				text("StorageClass", of(func(p *corev1.PersistentVolume) any { return p.Spec.StorageClassName })),
				text("VolumeAttributesClass", of(func(p *corev1.PersistentVolume) any { return pointed(p.Spec.VolumeAttributesClassName, unset) })),
				text("Reason", of(func(p *corev1.PersistentVolume) any { return p.Status.Reason })),
				age(),
				wide("VolumeMode", of(func(p *corev1.PersistentVolume) any { return pointed(p.Spec.VolumeMode, unset) })),
			},
		},
		{
			gv: gv, object: &corev1.PersistentVolumeClaim{}, list: &corev1.PersistentVolumeClaimList{}, resource: "persistentvolumeclaims",
			short: []string{"pvc"}, status: true,
			defaults: defaulting(func(p *corev1.PersistentVolumeClaim) { defaultClaim(&p.Spec) }),
			prepare: pair(func(p, old *corev1.PersistentVolumeClaim) {
				if old == nil {
					p.Status.Phase = corev1.ClaimPending
				}
			}),
			validate: checking(validateClaim),
			columns: []column{
				text("Status", of(func(p *corev1.PersistentVolumeClaim) any { return phase(p, string(p.Status.Phase)) })),
				text("Volume", of(func(p *corev1.PersistentVolumeClaim) any { return p.Spec.VolumeName })),
				text("Capacity", of(func(p *corev1.PersistentVolumeClaim) any {
					if p.Spec.VolumeName == "" {
						return ""
					}
					return p.Status.Capacity.Storage().String()
				})),
				text("Access Modes", of(func(p *corev1.PersistentVolumeClaim) any { return accessModes(p.Status.AccessModes) })),
				text("StorageClass", of(func(p *corev1.PersistentVolumeClaim) any { return pointed(p.Spec.StorageClassName, "") })),
				text("VolumeAttributesClass", of(func(p *corev1.PersistentVolumeClaim) any { return pointed(p.Spec.VolumeAttributesClassName, unset) })),
				age(),
				wide("VolumeMode", of(func(p *corev1.PersistentVolumeClaim) any { return pointed(p.Spec.VolumeMode, unset) })),
			},
		},
		{
			gv: gv, object: &corev1.PodTemplate{}, list: &corev1.PodTemplateList{}, resource: "podtemplates", generation: true,
			defaults: defaulting(func(t *corev1.PodTemplate) { defaultTemplate(&t.Template.Spec) }), ageless: true,
			columns: append(podsOf(func(t *corev1.PodTemplate) *corev1.PodTemplateSpec { return &t.Template }),
				text("Pod Labels", of(func(t *corev1.PodTemplate) any { return labels.FormatLabels(t.Template.Labels) }))),
		},
		{
			gv: gv, object: &corev1.ReplicationController{}, list: &corev1.ReplicationControllerList{}, resource: "replicationcontrollers",
			short: []string{"rc"}, categories: all, status: true, generation: true,
			defaults: defaulting(defaultReplicationController), validate: checking(validateReplicationController), dependents: rest.OrphanDependents,
			scale: scales(func(r *corev1.ReplicationController) (scaling, error) {
				return scaling{&r.Spec.Replicas, r.Status.Replicas, labels.SelectorFromSet(r.Spec.Selector).String()}, nil
			}),
			selectors: []selector{{"status.replicas", of(func(r *corev1.ReplicationController) string { return strconv.Itoa(int(r.Status.Replicas)) })}},
			columns: []column{
				integer("Desired", of(func(r *corev1.ReplicationController) any { return count(r.Spec.Replicas) })),
				integer("Current", of(func(r *corev1.ReplicationController) any { return int64(r.Status.Replicas) })),
				integer("Ready", of(func(r *corev1.ReplicationController) any { return int64(r.Status.ReadyReplicas) })),
				age(),
				wide("Containers", of(func(r *corev1.ReplicationController) any { return containersOf(r.Spec.Template, containerName) })),
				wide("Images", of(func(r *corev1.ReplicationController) any { return containersOf(r.Spec.Template, containerImage) })),
				wide("Selector", of(func(r *corev1.ReplicationController) any { return labels.FormatLabels(r.Spec.Selector) })),
			},
		},
		{
			gv: gv, object: &corev1.ResourceQuota{}, list: &corev1.ResourceQuotaList{}, resource: "resourcequotas", short: []string{"quota"}, status: true,
			validate: checking(validateQuota),
			columns: []column{
				text("Request", of(func(q *corev1.ResourceQuota) any { return quotaText(q, false) })),
				text("Limit", of(func(q *corev1.ResourceQuota) any { return quotaText(q, true) })),
			},
		},
		{
			gv: gv, object: &corev1.LimitRange{}, list: &corev1.LimitRangeList{}, resource: "limitranges",
			short: []string{"limits"}, createOnUpdate: true, columns: []column{created()},
			defaults: defaulting(defaultLimitRange),
		},
	}
}

func phase(obj runtime.Object, phase string) string {
	if metaOf(obj).GetDeletionTimestamp() != nil {
		return "Terminating"
	}
	return phase
}

// quotaText writes what of a quota is used, of its limits or of all else.
func quotaText(q *corev1.ResourceQuota, limits bool) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(q.Status.Hard)) {
		if strings.HasPrefix(string(name), "limits.") == limits {
			used, hard := q.Status.Used[name], q.Status.Hard[name]
			out = append(out, fmt.Sprintf("%s: %s/%s", name, used.String(), hard.String()))
		}
	}
	return strings.Join(out, ", ")
}

func accessModes(modes []corev1.PersistentVolumeAccessMode) string {
	short := map[corev1.PersistentVolumeAccessMode]string{
		corev1.ReadWriteOnce: "RWO", corev1.ReadOnlyMany: "ROX", corev1.ReadWriteMany: "RWX", corev1.ReadWriteOncePod: "RWOP",
	}
	out := make([]string, 0, len(modes))
	for _, m := range modes {
		out = append(out, short[m])
	}
	return strings.Join(out, ",")
}

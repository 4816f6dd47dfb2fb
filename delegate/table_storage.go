package delegate

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
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
				boolean("AllowVolumeExpansion", of(func(s *storagev1.StorageClass) any {
					return s.AllowVolumeExpansion != nil && *s.AllowVolumeExpansion
				})),
			},
		},
		{
			gv: gv, object: &storagev1.CSINode{}, list: &storagev1.CSINodeList{}, resource: "csinodes", cluster: true, preconditioned: true,
			columns: []column{integer("Drivers", of(func(c *storagev1.CSINode) any { return int64(len(c.Spec.Drivers)) }))},
		},
		{
			gv: gv, object: &storagev1.CSIDriver{}, list: &storagev1.CSIDriverList{}, resource: "csidrivers", cluster: true, preconditioned: true,
			columns: []column{
				boolean("AttachRequired", of(func(c *storagev1.CSIDriver) any { return c.Spec.AttachRequired == nil || *c.Spec.AttachRequired })),
				boolean("PodInfoOnMount", of(func(c *storagev1.CSIDriver) any { return c.Spec.PodInfoOnMount != nil && *c.Spec.PodInfoOnMount })),
			},
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
			gv: gv, object: &storagev1.CSIStorageCapacity{}, list: &storagev1.CSIStorageCapacityList{}, resource: "csistoragecapacities", preconditioned: true,
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
				text("Status", of(func(p *corev1.PersistentVolume) any { return string(p.Status.Phase) })),
				text("StorageClass", of(func(p *corev1.PersistentVolume) any { return p.Spec.StorageClassName })),
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
			columns: []column{
				text("Status", of(func(p *corev1.PersistentVolumeClaim) any { return string(p.Status.Phase) })),
				text("Volume", of(func(p *corev1.PersistentVolumeClaim) any { return p.Spec.VolumeName })),
				text("Access Modes", of(func(p *corev1.PersistentVolumeClaim) any { return accessModes(p.Status.AccessModes) })),
				text("StorageClass", of(func(p *corev1.PersistentVolumeClaim) any { return pointed(p.Spec.StorageClassName, "") })),
			},
		},
		{gv: gv, object: &corev1.PodTemplate{}, list: &corev1.PodTemplateList{}, resource: "podtemplates", generation: true},
		{
			gv: gv, object: &corev1.ReplicationController{}, list: &corev1.ReplicationControllerList{}, resource: "replicationcontrollers",
			short: []string{"rc"}, categories: all, status: true, generation: true,
			defaults: defaulting(func(r *corev1.ReplicationController) { setPointer(&r.Spec.Replicas, 1) }),
			columns: []column{
				integer("Desired", of(func(r *corev1.ReplicationController) any { return count(r.Spec.Replicas) })),
				integer("Current", of(func(r *corev1.ReplicationController) any { return int64(r.Status.Replicas) })),
				integer("Ready", of(func(r *corev1.ReplicationController) any { return int64(r.Status.ReadyReplicas) })),
			},
		},
		{gv: gv, object: &corev1.ResourceQuota{}, list: &corev1.ResourceQuotaList{}, resource: "resourcequotas", short: []string{"quota"}, status: true},
		{
			gv: gv, object: &corev1.LimitRange{}, list: &corev1.LimitRangeList{}, resource: "limitranges",
			short: []string{"limits"}, createOnUpdate: true, columns: []column{created()},
		},
	}
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

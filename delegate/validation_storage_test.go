package delegate_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestClaims(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil)).CoreV1().PersistentVolumeClaims("default")
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: object("c")}
	_, err := c.Create(t.Context(), claim, metav1.CreateOptions{})
	wantRefusal(t, "an empty claim", err, "at least 1 access mode is required")
	claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, "Foo"}
	claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("-1")}
	_, err = c.Create(t.Context(), claim, metav1.CreateOptions{})
	wantRefusal(t, "an unknown mode", err, `Unsupported value: "Foo"`)
	wantRefusal(t, "a negative size", err, "must be greater than zero")
	claim.Spec.AccessModes = claim.Spec.AccessModes[:1]
	claim.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("1Gi")
	if claim, err = c.Create(t.Context(), claim, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	change := func(do func(*corev1.PersistentVolumeClaim)) error {
		changed := claim.DeepCopy()
		do(changed)
		_, err := c.Update(t.Context(), changed, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	larger := func(c *corev1.PersistentVolumeClaim) {
		c.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("2Gi")
	}
	wantRefusal(t, "another mode", change(func(c *corev1.PersistentVolumeClaim) {
		c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
	}), "spec is immutable after creation")
	wantRefusal(t, "another size before it is bound", change(larger), "spec is immutable after creation")
	wantRefusal(t, "a volume", change(func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeName = "v" }), "")
	claim.Status.Phase = corev1.ClaimBound
	claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	if claim, err = c.UpdateStatus(t.Context(), claim, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, "another size", change(larger), "")
	wantRefusal(t, "a smaller size", change(func(c *corev1.PersistentVolumeClaim) {
		c.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("500Mi")
	}), "field can not be less than status.capacity")
}

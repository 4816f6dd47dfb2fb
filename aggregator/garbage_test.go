package aggregator_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// owned makes a ReplicaSet, and a ConfigMap that it owns.
func owned(t *testing.T, c kubernetes.Interface, name string) {
	t.Helper()
	labels := map[string]string{"app": name}
	rs, err := c.AppsV1().ReplicaSets("default").Create(t.Context(), &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.ReplicaSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name: name, OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "apps/v1", Kind: "ReplicaSet", Name: name, UID: rs.UID, Controller: new(true), BlockOwnerDeletion: new(true),
		}},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCascade deletes an owner in each of the three ways.
func TestCascade(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c, err := kubernetes.NewForConfig(r.admin)
	if err != nil {
		t.Fatal(err)
	}
	for policy, left := range map[metav1.DeletionPropagation]bool{
		metav1.DeletePropagationBackground: false, metav1.DeletePropagationForeground: false, metav1.DeletePropagationOrphan: true,
	} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			name := map[metav1.DeletionPropagation]string{
				metav1.DeletePropagationBackground: "back", metav1.DeletePropagationForeground: "fore", metav1.DeletePropagationOrphan: "orphan",
			}[policy]
			owned(t, c, name)
			if err := c.AppsV1().ReplicaSets("default").Delete(t.Context(), name, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil {
				t.Fatal(err)
			}
			r.eventually("the object is not as wanted", func() bool {
				_, err := c.AppsV1().ReplicaSets("default").Get(t.Context(), name, metav1.GetOptions{})
				return apierrors.IsNotFound(err)
			})
			r.eventually("the object is not as wanted", func() bool {
				m, err := c.CoreV1().ConfigMaps("default").Get(t.Context(), name, metav1.GetOptions{})
				if left {
					return err == nil && len(m.OwnerReferences) == 0
				}
				return apierrors.IsNotFound(err)
			})
		})
	}
}

// An object whose owner never was, or is gone, is deleted too.
func TestDependentOfNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c, err := kubernetes.NewForConfig(r.admin)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name: "c", OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Secret", Name: "s", UID: "nobody"}},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("the dependent is still there", func() bool {
		_, err := c.CoreV1().ConfigMaps("default").Get(t.Context(), "c", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

// What nobody serves is told once, with who asked.
func TestUnservedResource(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c, err := kubernetes.NewForConfig(r.admin)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := c.CoreV1().RESTClient().Get().AbsPath("/apis/missing.example.com/v1/namespaces/default/things").Do(t.Context()).Error()
		if !apierrors.IsNotFound(err) {
			t.Errorf("got %v", err)
		}
	}
	r.waitEvent("resource/things.missing.example.com", "asked for by ")
	r.mu.Lock()
	defer r.mu.Unlock()
	told := 0
	for _, e := range r.events {
		if e.Subject == "resource/things.missing.example.com" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// TestCascadeOfCircle deletes one of two objects that own and block each other.
func TestCascadeOfCircle(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := kubernetes.NewForConfigOrDie(r.admin).CoreV1().ConfigMaps("default")
	made := map[string]*corev1.ConfigMap{}
	for _, name := range []string{"one", "two"} {
		m, err := c.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		made[name] = m
	}
	for name, owner := range map[string]string{"one": "two", "two": "one"} {
		m := made[name].DeepCopy()
		m.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner, UID: made[owner].UID, BlockOwnerDeletion: new(true)}}
		if _, err := c.Update(t.Context(), m, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	foreground := metav1.DeletePropagationForeground
	if err := c.Delete(t.Context(), "one", metav1.DeleteOptions{PropagationPolicy: &foreground}); err != nil {
		t.Fatal(err)
	}
	for name := range made {
		r.eventually("the end of "+name, func() bool {
			_, err := c.Get(t.Context(), name, metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		})
	}
}

package v1beta1

import "k8s.io/apimachinery/pkg/runtime"

// DeepCopyInto copies the apple into out, sharing nothing with it.
func (a *Apple) DeepCopyInto(out *Apple) {
	*out = *a
	a.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
}

// DeepCopy returns a copy of the apple that shares nothing with it.
func (a *Apple) DeepCopy() *Apple {
	out := new(Apple)
	a.DeepCopyInto(out)
	return out
}

// DeepCopyObject is DeepCopy for a runtime.Object.
func (a *Apple) DeepCopyObject() runtime.Object {
	return a.DeepCopy()
}

// DeepCopyInto copies the list into out, sharing nothing with it.
func (l *AppleList) DeepCopyInto(out *AppleList) {
	*out = *l
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	if l.Items == nil {
		return
	}
	out.Items = make([]Apple, len(l.Items))
	for i := range l.Items {
		l.Items[i].DeepCopyInto(&out.Items[i])
	}
}

// DeepCopy returns a copy of the list that shares nothing with it.
func (l *AppleList) DeepCopy() *AppleList {
	out := new(AppleList)
	l.DeepCopyInto(out)
	return out
}

// DeepCopyObject is DeepCopy for a runtime.Object.
func (l *AppleList) DeepCopyObject() runtime.Object {
	return l.DeepCopy()
}

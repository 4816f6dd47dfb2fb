package delegate

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// otherVersion is a further version in which a row's objects are served, beside the one that is kept.
type otherVersion struct {
	gv     schema.GroupVersion
	object runtime.Object
	list   runtime.Object
	// defaults fills what a client of this version left out.
	defaults func(obj runtime.Object)
	// register adds the conversions between this version and the row's.
	register func(s *runtime.Scheme)
}

// converts registers the conversions of an object and of its list, both ways, from those of the object.
func converts[Old, OldList, Kept, KeptList any](
	s *runtime.Scheme, toKept func(*Old, *Kept) error, fromKept func(*Kept, *Old) error,
	oldItems func(*OldList) *[]Old, keptItems func(*KeptList) *[]Kept,
) {
	utilruntime.Must(s.AddConversionFunc((*Old)(nil), (*Kept)(nil), func(a, b any, _ conversion.Scope) error {
		return toKept(a.(*Old), b.(*Kept)) //nolint:forcetypeassert // the scheme calls it with these
	}))
	utilruntime.Must(s.AddConversionFunc((*Kept)(nil), (*Old)(nil), func(a, b any, _ conversion.Scope) error {
		return fromKept(a.(*Kept), b.(*Old)) //nolint:forcetypeassert // as above
	}))
	utilruntime.Must(s.AddConversionFunc((*OldList)(nil), (*KeptList)(nil), func(a, b any, _ conversion.Scope) error {
		in, out := a.(*OldList), b.(*KeptList) //nolint:forcetypeassert // as above
		copyListMeta(in, out)
		return each(*oldItems(in), keptItems(out), toKept)
	}))
	utilruntime.Must(s.AddConversionFunc((*KeptList)(nil), (*OldList)(nil), func(a, b any, _ conversion.Scope) error {
		in, out := a.(*KeptList), b.(*OldList) //nolint:forcetypeassert // as above
		copyListMeta(in, out)
		return each(*keptItems(in), oldItems(out), fromKept)
	}))
}

func copyListMeta(from, to any) {
	in, out := from.(metav1.ListInterface), to.(metav1.ListInterface) //nolint:forcetypeassert // every list of the API is one
	out.SetResourceVersion(in.GetResourceVersion())
	out.SetContinue(in.GetContinue())
	out.SetRemainingItemCount(in.GetRemainingItemCount())
}

func each[A, B any](in []A, out *[]B, convert func(*A, *B) error) error {
	*out = make([]B, len(in))
	for i := range in {
		if err := convert(&in[i], &(*out)[i]); err != nil {
			return err
		}
	}
	return nil
}

// throughJSON converts between two versions whose JSON is alike.
func throughJSON[A, B any](in *A, out *B) error {
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("converting a %T: %w", in, err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("converting a %T to a %T: %w", in, out, err)
	}
	return nil
}

package v1beta1

import "github.com/kagg-project/kagg/internal/demo/orchard/hub"

func toHub(in *Apple, out *hub.Apple) {
	out.ObjectMeta = in.ObjectMeta
	out.Spec = hub.AppleSpec{Variety: in.Spec.Cultivar, Ripe: in.Spec.Ripe}
	out.Status = hub.AppleStatus{Phase: in.Status.Phase}
}

func fromHub(in *hub.Apple, out *Apple) {
	out.ObjectMeta = in.ObjectMeta
	out.Spec = AppleSpec{Cultivar: in.Spec.Variety, Ripe: in.Spec.Ripe}
	out.Status = AppleStatus{Phase: in.Status.Phase}
}

func listToHub(in *AppleList, out *hub.AppleList) {
	out.ListMeta = in.ListMeta
	out.Items = make([]hub.Apple, len(in.Items))
	for i := range in.Items {
		toHub(&in.Items[i], &out.Items[i])
	}
}

func listFromHub(in *hub.AppleList, out *AppleList) {
	out.ListMeta = in.ListMeta
	out.Items = make([]Apple, len(in.Items))
	for i := range in.Items {
		fromHub(&in.Items[i], &out.Items[i])
	}
}

package garbagecollector

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	of := func(uids ...types.UID) view {
		v := view{}
		for _, uid := range uids {
			v.owners = append(v.owners, metav1.OwnerReference{UID: uid})
		}
		return v
	}
	owning := of("a")
	owning.dependents = []node{{}}
	circle := of("a")
	circle.dependents = []node{{deleting: true, foreground: true}}
	deleting := of("a")
	deleting.deleting = true
	tests := map[string]struct {
		view   view
		states []ownerState
		want   action
	}{
		"an owner is there":             {of("a"), []ownerState{solid}, action{}},
		"one of two owners is gone":     {of("a", "b"), []ownerState{absent, solid}, action{disown: []types.UID{"a"}}},
		"one of two owners is emptying": {of("a", "b"), []ownerState{solid, emptying}, action{disown: []types.UID{"b"}}},
		"all owners are gone":           {of("a", "b"), []ownerState{absent, absent}, action{remove: metav1.DeletePropagationBackground}},
		"the owner is emptying":         {of("a"), []ownerState{emptying}, action{remove: metav1.DeletePropagationBackground}},
		"it owns something itself":      {owning, []ownerState{emptying}, action{remove: metav1.DeletePropagationForeground}},
		"it may own its owner":          {circle, []ownerState{emptying}, action{remove: metav1.DeletePropagationForeground, unblock: true}},
		"it goes already":               {deleting, []ownerState{absent}, action{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(tt.want, decide(tt.view, tt.states), cmp.AllowUnexported(action{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func object(name string, change func(*metav1.ObjectMeta)) *metav1.ObjectMeta {
	m := &metav1.ObjectMeta{Name: name, Namespace: "n", UID: types.UID(name)}
	if change != nil {
		change(m)
	}
	return m
}

func ownedBy(uid types.UID) func(*metav1.ObjectMeta) {
	return func(m *metav1.ObjectMeta) {
		m.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Owner", Name: string(uid), UID: uid}}
	}
}

func TestGraph(t *testing.T) {
	t.Parallel()
	owners, things := schema.GroupVersionResource{Version: "v1", Resource: "owners"}, schema.GroupVersionResource{Version: "v1", Resource: "things"}
	kind := schema.GroupVersionKind{Version: "v1", Kind: "Owner"}
	g := newGraph()
	check := func(what string, got, want []types.UID) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	check("a dependent is looked at", g.observe(nodeOf(things, object("d", ownedBy("o")))), []types.UID{"d"})
	check("an object of no interest", g.observe(nodeOf(things, object("x", nil))), nil)
	now := metav1.Now()
	waits := object("o", func(m *metav1.ObjectMeta) {
		m.DeletionTimestamp, m.Finalizers = &now, []string{metav1.FinalizerDeleteDependents}
	})
	check("the owner begins to wait", g.observe(nodeOf(owners, waits)), []types.UID{"o", "d"})
	check("the dependent goes", g.forget("d"), []types.UID{"o"})
	check("the owner goes", g.forget("o"), []types.UID{})
	g.observe(nodeOf(things, object("d", ownedBy("o"))))
	check("the owner is not listed", g.replace(owners, kind, nil, map[types.UID]bool{}), []types.UID{"d"})
	check("the dependent is not listed", g.replace(things, schema.GroupVersionKind{Version: "v1", Kind: "Thing"}, nil, map[types.UID]bool{}), nil)
	if len(g.nodes)+len(g.dependents)+len(g.owned) > 0 {
		t.Errorf("the graph keeps %v %v %v", g.nodes, g.dependents, g.owned)
	}
}

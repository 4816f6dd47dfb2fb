package explain_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/explain"
	"github.com/kagg-project/kagg/recording"
)

// Every field that an explanation says to set is set, and has the effect that it says.
func TestChangesHaveTheirEffect(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/explain/*/targets")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		folder := filepath.Dir(file)
		replay := loadCase(t, folder)
		for _, target := range readTargets(t, folder) {
			e, err := explain.Explain(t.Context(), replay, target)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range e.Changes {
				if len(c.Set) == 0 {
					continue
				}
				checked++
				changed, err := aggregator.NewReplay(apply(t, replay.Recording, c.Set))
				if err != nil {
					t.Fatal(err)
				}
				if !holds(t, changed.Snapshot, c.Effect) {
					t.Errorf("%s: %s: after %q it is not so that %s", folder, target, c.Mend, c.Effect)
				}
				if holds(t, replay.Snapshot, c.Effect) {
					t.Errorf("%s: %s: it is so already that %s", folder, target, c.Effect)
				}
			}
		}
	}
	if checked < 10 {
		t.Errorf("%d changes were checked, want 10 or more", checked)
	}
}

// apply returns a copy of the recording with fields set, each of which must have had the value that is said.
func apply(t *testing.T, r *recording.Recording, set []explain.Setting) *recording.Recording {
	t.Helper()
	out := *r
	out.Objects = nil
	for _, o := range r.Objects {
		o.Object = o.Object.DeepCopy()
		for _, s := range set {
			if o.Object.GetKind() != "APIService" || o.Object.GetName() != s.APIService {
				continue
			}
			path := strings.Split(s.Field, ".")
			now, found, err := unstructured.NestedInt64(o.Object.Object, path...)
			if err != nil || !found || now != int64(s.Now) {
				t.Errorf("%s of %s is %d, %v, %v, and said to be %d", s.Field, s.APIService, now, found, err, s.Now)
			}
			if err := unstructured.SetNestedField(o.Object.Object, int64(s.To), path...); err != nil {
				t.Fatal(err)
			}
		}
		out.Objects = append(out.Objects, o)
	}
	return &out
}

// holds reads the effect of a change and looks whether it is so.
func holds(t *testing.T, s *aggregator.Snapshot, effect string) bool {
	t.Helper()
	items := s.Discovery().Aggregated.Items
	place := func(group string) int {
		for i := range items {
			if items[i].Name == strings.TrimPrefix(group, "the core group") {
				return i
			}
		}
		t.Fatalf("there is no group %q", group)
		return -1
	}
	if version, group, ok := strings.Cut(effect, " becomes the preferred version of "); ok {
		return items[place(group)].Versions[0].Version == version
	}
	if first, second, ok := strings.Cut(effect, " comes before "); ok {
		return place(first) < place(second)
	}
	if name, wanted, ok := strings.Cut(effect, " means "); ok {
		party := s.Discovery().Lookup(strings.Trim(name, `"`), "")[0].Party
		return party.Resource+"."+party.Group == wanted
	}
	t.Fatalf("effect %q is not understood", effect)
	return false
}

// Of APIServices that kagg made up it is said, where it is said to change them.
func TestMadeUpAPIServicesAreCalledSo(t *testing.T) {
	t.Parallel()
	replay := loadCase(t, "../testdata/explain/versions")
	target := explain.Target{Kind: explain.KindGroup, Group: "fruit.example"}
	const says = "kagg made v1.fruit.example up for the command my-apiserver"
	for _, made := range []bool{false, true} {
		r := *replay.Recording
		r.Objects = slices.Clone(r.Objects)
		for i := range r.Objects {
			if o := r.Objects[i].Object.DeepCopy(); made && o.GetKind() == "APIService" {
				annotations := o.GetAnnotations()
				if annotations == nil {
					annotations = map[string]string{}
				}
				annotations[aggregator.MadeUpAnnotation] = "my-apiserver"
				o.SetAnnotations(annotations)
				r.Objects[i].Object = o
			}
		}
		changed, err := aggregator.NewReplay(&r)
		if err != nil {
			t.Fatal(err)
		}
		e, err := explain.Explain(t.Context(), changed, target)
		if err != nil {
			t.Fatal(err)
		}
		if text := e.Text(false); strings.Contains(text, says) != made {
			t.Errorf("made up: %v\n%s", made, text)
		}
	}
}

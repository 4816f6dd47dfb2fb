package aggregator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/dynamic"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/internal/manifest"
)

// Objects in files may be of kinds that the local APIs do not have: a
// CustomResourceDefinition defines them, in the same files or not, or a custom
// apiserver serves them. They are applied once discovery lists their kind.

// establishPatience is how long a start waits for the definitions in its files.
// They need some milliseconds; one whose names are taken needs for ever.
const establishPatience = 5 * time.Second

// errNotServed is that nobody serves an object's kind now.
var errNotServed = errors.New("nobody serves its kind")

// everyone reaches what is served through the merged API.
type everyone struct {
	client   dynamic.Interface
	snapshot func() *Snapshot
}

// newEveryone returns a client of all that the aggregator serves, with every
// right.
func (a *Aggregator) newEveryone() (everyone, error) {
	client, err := dynamic.NewForConfig(delegate.InProcess(a.routes, &user.DefaultInfo{
		Name:   user.APIServerUser,
		Groups: []string{user.SystemPrivilegedGroup, user.AllAuthenticated},
	}))
	return everyone{client: client, snapshot: a.snapshots.load}, err
}

// find returns where objects of a kind are kept, if discovery lists it and its
// backend, if it has one, is available.
func (e everyone) find(kind schema.GroupVersionKind) (resource, bool) {
	s := e.snapshot()
	if s == nil {
		return resource{}, false
	}
	if r := s.routes["/apis/"+kind.GroupVersion().String()]; r != nil && !r.target.Available && !r.target.Local {
		return resource{}, false
	}
	for _, group := range s.discovery.result.Aggregated.Items {
		if group.Name != kind.Group {
			continue
		}
		for _, version := range group.Versions {
			if version.Version != kind.Version || version.Freshness == apidiscoveryv2.DiscoveryFreshnessStale {
				continue
			}
			for _, r := range version.Resources {
				if r.ResponseKind != nil && r.ResponseKind.Kind == kind.Kind && slices.Contains(r.Verbs, "create") {
					return resource{kind.GroupVersion().WithResource(r.Resource), r.Scope == apidiscoveryv2.ScopeNamespace}, true
				}
			}
		}
	}
	return resource{}, false
}

// gone tells that a kind of the local delegates is served no more, and with it
// went its objects. Those of a custom apiserver outlive its absence.
func (e everyone) gone(kind schema.GroupVersionKind) bool {
	s := e.snapshot()
	if s == nil {
		return false
	}
	if r := s.routes["/apis/"+kind.GroupVersion().String()]; r != nil && !r.target.Local {
		return false
	}
	_, ok := e.find(kind)
	return !ok
}

// kinds lists the kinds that a group-version has or soon has, or where these are
// none, all.
func (e everyone) kinds(gv schema.GroupVersion, soon map[schema.GroupVersionKind]bool) []string {
	s := e.snapshot()
	if s == nil {
		return nil
	}
	var here, all []string
	for kind := range soon {
		all = append(all, kind.Kind)
		if kind.GroupVersion() == gv {
			here = append(here, kind.Kind)
		}
	}
	for _, group := range s.discovery.result.Aggregated.Items {
		for _, version := range group.Versions {
			for _, r := range version.Resources {
				if r.ResponseKind == nil {
					continue
				}
				all = append(all, r.ResponseKind.Kind)
				if group.Name == gv.Group && version.Version == gv.Version {
					here = append(here, r.ResponseKind.Kind)
				}
			}
		}
	}
	if len(here) > 0 {
		return here
	}
	return all
}

// defined returns the kinds that the CustomResourceDefinitions among the objects
// define in served versions.
func defined(objects []manifest.Object) map[schema.GroupVersionKind]bool {
	out := map[schema.GroupVersionKind]bool{}
	for _, o := range objects {
		if o.Object.GroupVersionKind().GroupKind() != definitionKind {
			continue
		}
		group, _, _ := unstructured.NestedString(o.Object.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(o.Object.Object, "spec", "names", "kind")
		versions, _, _ := unstructured.NestedSlice(o.Object.Object, "spec", "versions")
		for _, v := range versions {
			if version, ok := v.(map[string]any); ok && version["served"] == true {
				name, _, _ := unstructured.NestedString(version, "name")
				out[schema.GroupVersionKind{Group: group, Version: name, Kind: kind}] = true
			}
		}
	}
	return out
}

var definitionKind = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}

// awaitDefined returns when the kinds that definitions in the objects define, and
// of which there are objects, are served, or after establishPatience.
func (f *files) awaitDefined(ctx context.Context, objects []manifest.Object, wait func(context.Context, func(*Snapshot) bool) error) {
	kinds := defined(objects)
	needed := map[schema.GroupVersionKind]bool{}
	for _, o := range objects {
		if kind := o.Object.GroupVersionKind(); kinds[kind] {
			needed[kind] = true
		}
	}
	if len(needed) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, establishPatience)
	defer cancel()
	// Whoever is not served by then is told of by the next sync.
	_ = wait(ctx, func(*Snapshot) bool {
		for kind := range needed {
			if _, ok := f.others.find(kind); !ok {
				return false
			}
		}
		return true
	})
}

// affected tells whether what is served now may change what the last sync left.
func (f *files) affected() bool {
	return f.forgetGone() || len(f.waiting)+len(f.refused) > 0
}

// forgetGone forgets what was applied of the kinds that are gone, so that it is
// applied again when they are back, and tells whether there was any.
func (f *files) forgetGone() bool {
	before := len(f.applied)
	maps.DeleteFunc(f.applied, func(key fileKey, _ manifest.Object) bool { return key.other() && f.others.gone(key.kind) })
	return len(f.applied) < before
}

// tellWaiting tells once of each object whose kind nobody serves.
func (f *files) tellWaiting(wanted map[fileKey]manifest.Object) {
	maps.DeleteFunc(f.told, func(key fileKey, _ bool) bool { return !f.waiting[key] })
	if f.others.snapshot() == nil {
		return // nothing is served yet
	}
	objects := slices.Collect(maps.Values(wanted))
	soon := defined(objects)
	for _, key := range slices.SortedFunc(maps.Keys(f.waiting), compareFileKeys) {
		_, ok := wanted[key] // it may be waiting to be removed
		if f.told[key] || !ok || soon[key.kind] && !f.patient {
			continue
		}
		f.told[key] = true
		why, warning := f.whyWaiting(key, soon)
		f.onEvent(Event{Subject: "files", Message: fmt.Sprintf("%s: %s: %s", wanted[key].Source, key, why), Warning: warning})
	}
}

// whyWaiting says what an object waits for, and whether someone should look.
func (f *files) whyWaiting(key fileKey, soon map[schema.GroupVersionKind]bool) (string, bool) {
	gv := key.kind.GroupVersion()
	if s := f.others.snapshot(); s.routes["/apis/"+gv.String()] != nil {
		if r := s.routes["/apis/"+gv.String()]; !r.target.Local && !r.target.Available {
			return fmt.Sprintf("waits until APIService %s is available", r.target.APIService), false
		}
	}
	if soon[key.kind] {
		return "waits until the CustomResourceDefinition of its kind is established: see the definition's conditions", true
	}
	hint := ""
	if near := manifest.Nearest(key.kind.Kind, f.others.kinds(gv, soon)); len(near) > 0 {
		hint = ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Sprintf("the kind %s of %s is not served%s; it is applied once a CustomResourceDefinition or an APIService serves it", key.kind.Kind, gv, hint), true
}

// retries tells whether time alone may change what the last sync left: a refusal
// passes, or an object has waited long enough to be told of.
func (f *files) retries() bool {
	return f.passing || !f.patient && len(f.waiting) > len(f.told)
}

// passing tells the refusals that time alone may mend.
func passing(err error) bool {
	return apierrors.IsServiceUnavailable(err) || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) ||
		apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err) || errors.Is(err, errBeingDeleted)
}

// errBeingDeleted is that an object of the name waits for its finalizers.
var errBeingDeleted = errors.New("the object of this name is being deleted: it is made anew when that is done")

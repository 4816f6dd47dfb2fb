package delegate

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	restful "github.com/emicklei/go-restful/v3"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"

	"github.com/kagg-project/kagg/delegate/memory"
)

// idleServer is a server of a version of Kubernetes that was not started.
func idleServer(t *testing.T, gitVersion string) *Server {
	t.Helper()
	backend := memory.NewBackend(memory.Options{})
	t.Cleanup(backend.Close)
	s, err := New(Config{
		RESTOptionsGetter: backend.RESTOptionsGetter(StorageCodec), Version: &version.Info{GitVersion: gitVersion},
		Authorizer: authorizerfactory.NewAlwaysAllowAuthorizer(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What is said of a version without its routes is what upstream says when it makes them.
func TestDescribedAsInstalled(t *testing.T) {
	t.Parallel()
	s := idleServer(t, "v1.2.3")
	all, err := s.storages()
	if err != nil {
		t.Fatal(err)
	}
	for _, gv := range servedVersions(all) {
		described, installed := runtime.NewEquivalentResourceRegistry(), runtime.NewEquivalentResourceRegistry()
		got, err := describe(gv, all[gv], described)
		if err != nil {
			t.Error(err)
			continue
		}
		v := s.apiGroupVersion(gv, all[gv], schemas{})
		v.EquivalentResourceRegistry = installed
		want, _, err := v.InstallREST(restful.NewContainer())
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-installed +described):\n%s", gv, diff)
		}
		if len(got) == 0 {
			t.Errorf("%s has no resources", gv)
		}
		for i := range got {
			resource := gv.WithResource(got[i].Resource)
			subresources := []string{""}
			for _, sub := range got[i].Subresources {
				subresources = append(subresources, sub.Subresource)
			}
			for _, sub := range subresources {
				if got, want := described.KindFor(resource, sub), installed.KindFor(resource, sub); got != want || got.Empty() {
					t.Errorf("%s/%s is registered as %s, want %s", resource, sub, got, want)
				}
				if diff := cmp.Diff(installed.EquivalentResourcesFor(resource, sub), described.EquivalentResourcesFor(resource, sub)); diff != "" {
					t.Errorf("%s/%s: %s", resource, sub, diff)
				}
			}
		}
	}
}

func (r *routes) made(path string) bool {
	return slices.ContainsFunc(r.container.RegisteredWebServices(), func(ws *restful.WebService) bool { return ws.RootPath() == path })
}

func TestRoutesAreMadeWhenAskedFor(t *testing.T) {
	t.Parallel()
	s := idleServer(t, "v1.2.3")
	const path = "/apis/batch/v1"
	if s.routes.made(path) {
		t.Fatal("the routes of batch/v1 are there before anybody asked")
	}
	listed, kinds := s.ListedPaths(), s.generic.EquivalentResourceRegistry.EquivalentResourcesFor(schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}, "")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		})
	}
	all.Wait()
	if !s.routes.made(path) || s.routes.made("/apis/networking.k8s.io/v1") {
		t.Error("want the routes of what was asked for, and no others")
	}
	if diff := cmp.Diff(listed, s.ListedPaths()); diff != "" {
		t.Error("the listed paths changed:", diff)
	}
	if diff := cmp.Diff(kinds, s.generic.EquivalentResourceRegistry.EquivalentResourcesFor(schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}, "")); diff != "" {
		t.Error("what jobs are equivalent to changed:", diff)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/apis/batch/v2/jobs", http.NoBody))
	if w.Code != http.StatusNotFound {
		t.Errorf("a version that does not exist: %d", w.Code)
	}
}

func TestServicesAreInTheOrderOfTheirPriority(t *testing.T) {
	t.Parallel()
	s := idleServer(t, "v1.2.3")
	paths := func() []string {
		var out []string
		for _, one := range s.routes.services() {
			ws, err := one.describe()
			if err != nil || ws.RootPath() != one.path || len(ws.Routes()) == 0 {
				t.Errorf("%s: %v, %v", one.path, ws, err)
			}
			out = append(out, one.path)
		}
		return out
	}
	before := paths()
	if s.routes.made("/apis/batch/v1") {
		t.Error("a description made routes for good")
	}
	for _, v := range slices.Backward(s.routes.versions) {
		if err := s.routes.ensure(v.path); err != nil {
			t.Fatal(err)
		}
	}
	after := paths()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	var all []string
	for _, ws := range s.routes.container.RegisteredWebServices() {
		all = append(all, ws.RootPath())
	}
	slices.Sort(all)
	slices.Sort(after)
	if diff := cmp.Diff(all, after); diff != "" {
		t.Error("(-made +described)", diff)
	}
}

func TestVersionPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"":                               "",
		"/":                              "",
		"/api":                           "",
		"/api/":                          "/api/",
		"/api/v1":                        "/api/v1",
		"/api/v1/":                       "/api/v1",
		"/api/v1/namespaces/x/pods/y":    "/api/v1",
		"/apis":                          "",
		"/apis/apps":                     "/apis/apps",
		"/apis/apps/":                    "/apis/apps/",
		"/apis/apps/v1":                  "/apis/apps/v1",
		"/apis/apps/v1/deployments/name": "/apis/apps/v1",
		"/apisx/apps/v1/deployments":     "",
		"/openapi/v2":                    "",
		"/apis//v1/x":                    "/apis//v1",
	} {
		if got := versionPath(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

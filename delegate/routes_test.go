package delegate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	restful "github.com/emicklei/go-restful/v3"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/kagg-project/kagg/delegate/memory"
	"github.com/kagg-project/kagg/delegate/serviceaccount"
)

// idleServer is a server of a version of Kubernetes that was not started.
func idleServer(t *testing.T, gitVersion string) *Server {
	t.Helper()
	return serverWith(t, gitVersion, "")
}

// serverWith is one that has tokens of an issuer, "" for none.
func serverWith(t *testing.T, gitVersion, issuer string) *Server {
	t.Helper()
	var tokens *serviceaccount.Tokens
	if issuer != "" {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if tokens, err = serviceaccount.New(serviceaccount.Config{SigningKey: key, Issuers: []string{issuer}}); err != nil {
			t.Fatal(err)
		}
	}
	backend := memory.NewBackend(memory.Options{})
	t.Cleanup(backend.Close)
	s, err := New(Config{
		RESTOptionsGetter: backend.RESTOptionsGetter(StorageCodec), Version: &version.Info{GitVersion: gitVersion}, ServiceAccounts: tokens,
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

// made lists which of two versions are made as a whole, and which of their resources have routes of their own. Those of
// others may be made at this moment.
func (r *routes) made() []string {
	var out []string
	for _, path := range []string{"/apis/batch/v1", "/apis/storage.k8s.io/v1"} {
		v := r.byPath[path]
		if v.whole.serve != nil {
			out = append(out, path)
		}
		for resource, m := range v.resources {
			if m.serve != nil {
				out = append(out, path+"/"+resource)
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestRoutesAreMadeWhenAskedFor(t *testing.T) {
	t.Parallel()
	s := idleServer(t, "v1.2.3")
	get := func(path string, want int) {
		t.Helper()
		w := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		info, err := genericapiserver.NewRequestInfoResolver(&genericapiserver.Config{LegacyAPIGroupPrefixes: sets.NewString("api")}).NewRequestInfo(req)
		if err != nil {
			t.Error(err)
		}
		s.Handler().ServeHTTP(w, req.WithContext(request.WithRequestInfo(req.Context(), info)))
		if w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	jobs := schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	listed, equivalent := s.ListedPaths(), s.generic.EquivalentResourceRegistry.EquivalentResourcesFor(jobs, "")
	if made := s.routes.made(); len(made) > 0 {
		t.Error("there are routes that nobody asked for:", made)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { get("/apis/batch/v1/namespaces/default/jobs", http.StatusOK) })
	}
	all.Wait()
	get("/apis/batch/v2/jobs", http.StatusNotFound)
	if diff := cmp.Diff([]string{"/apis/batch/v1/jobs"}, s.routes.made()); diff != "" {
		t.Error("after a list of jobs:", diff)
	}
	get("/apis/storage.k8s.io/v1", http.StatusOK)
	get("/apis/storage.k8s.io/v1/strangers", http.StatusNotFound)
	if diff := cmp.Diff([]string{"/apis/batch/v1/jobs", "/apis/storage.k8s.io/v1"}, s.routes.made()); diff != "" {
		t.Error("after the resources of a version:", diff)
	}
	if diff := cmp.Diff(listed, s.ListedPaths()); diff != "" {
		t.Error("the listed paths changed:", diff)
	}
	if diff := cmp.Diff(equivalent, s.generic.EquivalentResourceRegistry.EquivalentResourcesFor(jobs, "")); diff != "" {
		t.Error("what jobs are equivalent to changed:", diff)
	}
}

// A request takes the route, or has the error, that it has where the routes of all resources are together.
func TestRoutesOfAResource(t *testing.T) {
	t.Parallel()
	s := idleServer(t, "v1.2.3")
	found := 0
	for _, v := range s.routes.versions {
		whole, err := v.build("")
		if err != nil {
			t.Fatal(err)
		}
		parts := map[string]*restful.WebService{}
		for resource := range v.resources {
			if parts[resource], err = v.build(resource); err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range pathsOf(whole) {
			part := parts[resourceOf(path[len(v.path):])]
			if part == nil {
				part = whole
			}
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodOptions, "OTHER"} {
				want, got := selectRoute(t, whole, method, path), selectRoute(t, part, method, path)
				if want != got {
					t.Errorf("%s %s takes %s, want %s", method, path, got, want)
				}
				if strings.HasPrefix(want, "route ") {
					found++
				}
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d requests had a route", found)
	}
}

// pathsOf returns a path of each route, and more that are nearly one.
func pathsOf(ws *restful.WebService) []string {
	templates := map[string]bool{}
	for _, route := range ws.Routes() {
		templates[route.Path] = true
	}
	fill := func(name string) *strings.Replacer {
		return strings.NewReplacer("{namespace}", name, "{name}", name, "{path:*}", "some/path", "{", "", "}", "")
	}
	paths := map[string]bool{}
	for template := range templates {
		for _, name := range []string{"a", "status", "namespaces", "watch", ""} {
			path := fill(name).Replace(template)
			for _, more := range []string{"", "/", "/status", "/strangers/b"} {
				paths[path+more] = true
			}
		}
		paths[strings.Replace(fill("a").Replace(template), "/v1/", "/v1//", 1)] = true
	}
	return slices.Sorted(maps.Keys(paths))
}

func selectRoute(t *testing.T, ws *restful.WebService, method, path string) string {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	_, route, err := restful.CurlyRouter{}.SelectRoute([]*restful.WebService{ws}, req)
	if err != nil {
		return fmt.Sprintf("error %#v", err)
	}
	return "route " + route.Method + " " + route.Path + " " + route.Operation
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
	if made := s.routes.made(); len(made) > 0 {
		t.Error("a description made routes for good:", made)
	}
	for _, v := range slices.Backward(s.routes.versions) {
		if _, err := s.routes.ensure(v, ""); err != nil {
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

func TestResourceOf(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"":                              "",
		"/":                             "",
		"/pods":                         "pods",
		"/nodes/a/proxy/b":              "nodes",
		"/watch/pods":                   "pods",
		"/watch/namespaces/a/pods/b":    "pods",
		"/watch/namespaces/a":           "namespaces",
		"/namespaces":                   "namespaces",
		"/namespaces/a":                 "namespaces",
		"/namespaces/a/":                "namespaces",
		"/namespaces/a/status":          "namespaces",
		"/namespaces/a/finalize":        "namespaces",
		"/namespaces/a/pods":            "pods",
		"/namespaces/a/pods/b/log":      "pods",
		"/namespaces/status/pods":       "pods",
		"/namespaces/a/services/b/pods": "services",
		"//pods":                        "",
	} {
		if got := resourceOf(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

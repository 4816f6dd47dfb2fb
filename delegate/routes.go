package delegate

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	restful "github.com/emicklei/go-restful/v3"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	genericapiserver "k8s.io/apiserver/pkg/server"
)

// routes make the routes of a resource when it is first asked for. To compile the patterns of all their paths would be
// a large part of a start, and nobody asks for most of them.
type routes struct {
	container *restful.Container
	// served answers with the routes that container has: those that are no version's, and versions' that are asked for
	// as a whole.
	served http.Handler
	// before is how many services the container had before any version's.
	before   int
	versions []*versionRoutes
	byPath   map[string]*versionRoutes
}

// newRoutes adds routes to what a container has.
func newRoutes(container *restful.Container, served http.Handler) *routes {
	return &routes{container: container, served: served, before: len(container.RegisteredWebServices()), byPath: map[string]*versionRoutes{}}
}

// versionRoutes are the routes of one group version.
type versionRoutes struct {
	path  string // as in /apis/apps/v1
	build func(resource string) (*restful.WebService, error)
	whole madeRoutes
	// resources are the routes of each resource and its subresources. It is not changed.
	resources map[string]*madeRoutes
}

// madeRoutes are some of the routes of a version, made once.
type madeRoutes struct {
	once  sync.Once
	serve http.HandlerFunc
	err   error
}

// ensure makes them unless they are made.
func (p *madeRoutes) ensure(add func() (http.HandlerFunc, error)) error {
	p.once.Do(func() { p.serve, p.err = add() })
	return p.err
}

// add makes build the maker of the routes below path: of those of a resource and its subresources, or of all. It is
// called again for each description of them.
func (r *routes) add(path string, resources []string, build func(resource string) (*restful.WebService, error)) {
	v := &versionRoutes{path: path, build: build, resources: map[string]*madeRoutes{}}
	for _, name := range resources {
		v.resources[name] = &madeRoutes{}
	}
	r.versions = append(r.versions, v)
	r.byPath[path] = v
}

// ServeHTTP implements http.Handler.
func (r *routes) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	path := versionPath(req.URL.Path)
	v := r.byPath[path]
	if v == nil {
		r.served.ServeHTTP(w, req)
		return
	}
	p, err := r.ensure(v, resourceOf(req.URL.Path[len(path):]))
	if err != nil {
		responsewriters.InternalError(w, req, err)
		return
	}
	p.serve(w, req)
}

// ensure returns the routes of a resource, or all where the version does not have it: these know what to answer.
func (r *routes) ensure(v *versionRoutes, resource string) (*madeRoutes, error) {
	p := v.resources[resource]
	if p == nil {
		return &v.whole, v.whole.ensure(func() (http.HandlerFunc, error) {
			ws, err := v.build("")
			if err == nil {
				r.container.Add(ws)
			}
			return r.served.ServeHTTP, err
		})
	}
	return p, p.ensure(func() (http.HandlerFunc, error) {
		ws, err := v.build(resource)
		if err != nil {
			return nil, err
		}
		// What answers a panic, an unknown path and a wrong method is the library's, and not exported by itself.
		own := genericapiserver.NewAPIServerHandler("local-apis", Codecs, func(api http.Handler) http.Handler { return api }, nil).GoRestfulContainer
		return own.Add(ws).Dispatch, nil
	})
}

// resourceOf returns the resource that a path below a version's is about, as the routes have it; "" for none.
func resourceOf(path string) string {
	first, rest := nextSegment(path)
	if first == "watch" {
		first, rest = nextSegment(rest)
	}
	if first != "namespaces" {
		return first
	}
	_, rest = nextSegment(rest) // a namespace's name
	switch within, _ := nextSegment(rest); within {
	case "", "status", "finalize":
		return first
	default:
		return within
	}
}

func nextSegment(path string) (segment, rest string) {
	path = strings.TrimPrefix(path, "/")
	if end := strings.IndexByte(path, '/'); end >= 0 {
		return path[:end], path[end:]
	}
	return path, ""
}

// versionPath returns the part of a path that names a group version: /api/v1 of /api/v1/nodes, /apis/apps/v1 of
// /apis/apps/v1/deployments; "" where there is none.
func versionPath(path string) string {
	segments := 0
	switch {
	case strings.HasPrefix(path, "/apis/"):
		segments = 3
	case strings.HasPrefix(path, "/api/"):
		segments = 2
	default:
		return ""
	}
	end := 0
	for range segments {
		next := strings.IndexByte(path[end+1:], '/')
		if next < 0 {
			return path
		}
		end += 1 + next
	}
	return path[:end]
}

// listedPaths are the paths of the versions, whether their routes exist or not.
func (r *routes) listedPaths() []string {
	out := make([]string, len(r.versions))
	for i, v := range r.versions {
		out[i] = v.path
	}
	return out
}

// service describes what is served below a path.
type service struct {
	path     string
	describe func() (*restful.WebService, error)
}

// services lists everything in the order in which it would be served if all routes were made at the start. To describe
// a version makes its routes for that alone.
func (r *routes) services() []service {
	var out []service
	registered := slices.DeleteFunc(slices.Clone(r.container.RegisteredWebServices()), func(ws *restful.WebService) bool { return r.byPath[ws.RootPath()] != nil })
	for _, ws := range registered[:r.before] {
		out = append(out, service{ws.RootPath(), func() (*restful.WebService, error) { return ws, nil }})
	}
	for _, v := range r.versions {
		out = append(out, service{v.path, func() (*restful.WebService, error) { return v.build("") }})
	}
	for _, ws := range registered[r.before:] {
		out = append(out, service{ws.RootPath(), func() (*restful.WebService, error) { return ws, nil }})
	}
	return out
}

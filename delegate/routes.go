package delegate

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	restful "github.com/emicklei/go-restful/v3"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
)

// routes make the routes of a group version when it is first asked for. To compile the patterns of all their paths
// would be a large part of a start, and nobody asks for most of them.
type routes struct {
	container *restful.Container
	// served is what answers, with the routes that container has.
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
	build func() (*restful.WebService, error)

	once sync.Once
	err  error
}

// add makes build, which is called again for each description of the routes, the maker of those below path.
func (r *routes) add(path string, build func() (*restful.WebService, error)) {
	v := &versionRoutes{path: path, build: build}
	r.versions = append(r.versions, v)
	r.byPath[path] = v
}

// ServeHTTP implements http.Handler.
func (r *routes) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if err := r.ensure(versionPath(req.URL.Path)); err != nil {
		responsewriters.InternalError(w, req, err)
		return
	}
	r.served.ServeHTTP(w, req)
}

// ensure makes the routes below path unless they exist. Paths that are no group version's have none.
func (r *routes) ensure(path string) error {
	v := r.byPath[path]
	if v == nil {
		return nil
	}
	v.once.Do(func() {
		var ws *restful.WebService
		if ws, v.err = v.build(); v.err == nil {
			r.container.Add(ws)
		}
	})
	return v.err
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

// ListedPaths are the paths of the versions, whether their routes exist or not.
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
		out = append(out, service{v.path, v.build})
	}
	for _, ws := range registered[r.before:] {
		out = append(out, service{ws.RootPath(), func() (*restful.WebService, error) { return ws, nil }})
	}
	return out
}

package aggregator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/apiserver/pkg/server/routes"
)

// newOwnPaths serves what is kagg's own: health, metrics, the recording, and the list of all
// paths, which names those of the local APIs too. storage are further checks of /readyz and
// /healthz. All else goes to next.
func newOwnPaths(s *snapshots, stopping func() bool, local []string, recording, next http.Handler, storage ...healthz.HealthChecker) http.Handler {
	m := mux.NewPathRecorderMux("kagg")
	routes.Index{}.Install(index{m, local, s}, m)
	m.NotFoundHandler(next)
	snapshot := healthz.NamedCheck("snapshot", func(*http.Request) error {
		if s.load() == nil {
			return errors.New("the objects have not been read yet")
		}
		return nil
	})
	backends := healthz.NamedCheck("backends-observed", func(*http.Request) error {
		if now := s.load(); now == nil || !now.complete {
			return errors.New("not every backend has been probed and asked for its documents once")
		}
		return nil
	})
	shutdown := healthz.NamedCheck("shutdown", func(*http.Request) error {
		if stopping() {
			return errors.New("kagg is stopping")
		}
		return nil
	})
	healthz.InstallHandler(m, slices.Concat([]healthz.HealthChecker{healthz.PingHealthz, snapshot}, storage)...)
	healthz.InstallLivezHandler(m, healthz.PingHealthz)
	healthz.InstallReadyzHandler(m, slices.Concat([]healthz.HealthChecker{healthz.PingHealthz, snapshot, backends, shutdown}, storage)...)
	routes.DefaultMetrics{}.Install(m)
	m.UnlistedHandle(recordingPath, recording)
	return withGeneration(s, m)
}

// withGeneration adds the newest snapshot's generation to /readyz?verbose.
func withGeneration(s *snapshots, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		h.ServeHTTP(w, req)
		if now := s.load(); req.URL.Path == "/readyz" && req.URL.Query().Has("verbose") && now != nil {
			// A client that is gone is nobody to tell.
			_, _ = fmt.Fprintf(w, "generation %d\n", now.Generation)
		}
	})
}

// index lists every path that is served.
type index struct {
	own       *mux.PathRecorderMux
	local     []string
	snapshots *snapshots
}

// ListedPaths returns the paths, sorted.
func (i index) ListedPaths() []string {
	paths := slices.Concat(i.own.ListedPaths(), i.local)
	if s := i.snapshots.load(); s != nil {
		for path := range s.routes {
			paths = append(paths, path)
		}
		for group := range s.groups {
			if group != "" {
				paths = append(paths, "/apis/"+group)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

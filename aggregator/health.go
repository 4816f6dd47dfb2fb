package aggregator

import (
	"errors"
	"net/http"

	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/apiserver/pkg/server/routes"
)

// newOwnPaths serves what is kagg's own: health and metrics. All else goes to
// next. The generation that an answer is about stands in its Kagg-Generation
// header.
func newOwnPaths(s *snapshots, stopping func() bool, next http.Handler) http.Handler {
	m := mux.NewPathRecorderMux("kagg")
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
	healthz.InstallHandler(m, healthz.PingHealthz, snapshot)
	healthz.InstallLivezHandler(m, healthz.PingHealthz)
	healthz.InstallReadyzHandler(m, healthz.PingHealthz, snapshot, backends, shutdown)
	routes.DefaultMetrics{}.Install(m)
	return m
}

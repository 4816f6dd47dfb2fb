package delegate

import (
	"context"

	"k8s.io/apiserver/pkg/storage"
)

// Stats counts the objects of each resource, by "resource.group", or "resource" in the core group. What
// cannot be counted now is left out. An etcd is asked once for each resource.
func (s *Server) Stats(ctx context.Context) map[string]storage.Stats {
	all := make(map[string]storage.Stats, len(s.stores))
	for name, store := range s.stores {
		if stats, err := store.Storage.Storage.Stats(ctx); err == nil {
			all[name] = stats
		}
	}
	return all
}

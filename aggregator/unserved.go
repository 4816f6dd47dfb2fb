package aggregator

import (
	"fmt"
	"net/http"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"

	"github.com/kagg-project/kagg/delegate"
)

// mostUnserved bounds how many resources are remembered that nobody serves: a
// client that makes names up must not fill the memory.
const mostUnserved = 1000

// unserved tells once of each resource that a client asks for and nobody serves:
// what a server waits for at its start is not found in its own log. It is safe
// for concurrent use.
type unserved struct {
	onEvent func(Event)
	// local are the resources of the local APIs, which nearly all requests are for.
	local map[schema.GroupVersionResource]bool

	mu   sync.Mutex
	told map[schema.GroupVersionResource]bool
}

func newUnserved(onEvent func(Event), local []delegate.Kind) *unserved {
	u := &unserved{onEvent: onEvent, local: make(map[schema.GroupVersionResource]bool, len(local)), told: map[schema.GroupVersionResource]bool{}}
	for i := range local {
		u.local[local[i].GroupVersionResource()] = true
	}
	return u
}

// note looks at a request that the local APIs are to answer.
func (u *unserved) note(req *http.Request, s *Snapshot) {
	info, ok := apirequest.RequestInfoFrom(req.Context())
	if !ok || !info.IsResourceRequest || info.Resource == "" {
		return
	}
	gvr := schema.GroupVersionResource{Group: info.APIGroup, Version: info.APIVersion, Resource: info.Resource}
	if u.local[gvr] || s.lists(gvr) {
		return
	}
	u.mu.Lock()
	known := u.told[gvr] || len(u.told) >= mostUnserved
	if !known {
		u.told[gvr] = true
	}
	u.mu.Unlock()
	if known {
		return
	}
	who := "somebody unknown"
	if user, ok := apirequest.UserFrom(req.Context()); ok {
		who = user.GetName()
	}
	u.onEvent(Event{
		Subject: "resource/" + gvr.GroupResource().String(), Warning: true,
		Message: fmt.Sprintf("nobody serves %s in version %s: asked for by %s (%s)", gvr.GroupResource(), gvr.GroupVersion(), who, req.UserAgent()),
	})
}

// lists tells whether the merged discovery has a resource.
func (s *Snapshot) lists(gvr schema.GroupVersionResource) bool {
	for _, group := range s.discovery.result.Aggregated.Items {
		if group.Name != gvr.Group {
			continue
		}
		for _, version := range group.Versions {
			if version.Version != gvr.Version {
				continue
			}
			for i := range version.Resources {
				if version.Resources[i].Resource == gvr.Resource {
					return true
				}
			}
		}
	}
	return false
}

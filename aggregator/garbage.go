package aggregator

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/garbagecollector"
)

// collectGarbage deletes what is owned by what was deleted, until ctx ends. It
// watches the local APIs and custom resources. What custom apiservers have is
// looked at as an owner, and not watched: their log would show watches that no
// user of theirs asked for.
func (a *Aggregator) collectGarbage(ctx context.Context) error {
	client, err := metadata.NewForConfig(delegate.InProcess(a.routes, controllerUser("generic-garbage-collector")))
	if err != nil {
		return fmt.Errorf("garbage collector: %w", err)
	}
	collector := garbagecollector.New(client)
	a.running.Go(func() { collector.Run(ctx) })
	a.running.Go(func() {
		var followed []garbagecollector.Resource
		var known *discoveryDocument
		for {
			s, err := a.snapshots.wait(ctx, func(s *Snapshot) bool { return s.discovery != known })
			if err != nil {
				return
			}
			known = s.discovery
			if now := a.collected(s, client); !slices.EqualFunc(now, followed, sameResource) {
				followed = now
				collector.Follow(ctx, now)
			}
			if !pause(ctx, collectedPause) {
				return
			}
		}
	})
	return nil
}

// collectedPause is how long the resources stay as they were read: a start changes discovery with each backend.
const collectedPause = 250 * time.Millisecond

func sameResource(a, b garbagecollector.Resource) bool {
	return a.GroupVersionResource == b.GroupVersionResource && a.Kind == b.Kind && (a.Source == nil) == (b.Source == nil)
}

// collected are the resources that the collector knows with a snapshot.
func (a *Aggregator) collected(s *Snapshot, client metadata.Interface) []garbagecollector.Resource {
	out := a.local.Resources()
	served, _ := s.servedResources()
	for i := range served {
		r := &served[i]
		if a.local.Serves(r.GroupResource()) || !r.has("get", "delete", "patch") {
			continue
		}
		g := garbagecollector.Resource{GroupVersionResource: r.GroupVersionResource, Kind: r.kind, Namespaced: r.namespaced}
		if !r.remote && r.has("list", "watch") {
			g.Source = metadataSource{client, r.GroupVersionResource}
		}
		out = append(out, g)
	}
	return out
}

// metadataSource reads a resource through the API.
type metadataSource struct {
	client   metadata.Interface
	resource schema.GroupVersionResource
}

// List implements garbagecollector.Source.
func (m metadataSource) List(ctx context.Context) ([]metav1.Object, string, error) {
	list, err := m.client.Resource(m.resource).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, "", err
	}
	out := make([]metav1.Object, len(list.Items))
	for i := range list.Items {
		out[i] = &list.Items[i]
	}
	return out, list.ResourceVersion, nil
}

// Watch implements garbagecollector.Source.
func (m metadataSource) Watch(ctx context.Context, resourceVersion string) (watch.Interface, error) {
	return m.client.Resource(m.resource).Watch(ctx, metav1.ListOptions{ResourceVersion: resourceVersion, AllowWatchBookmarks: true})
}

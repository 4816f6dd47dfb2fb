package aggregator

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/recording"
)

// RecordOptions say what a recording is to hold beside what every one does.
type RecordOptions struct {
	// V3 takes the OpenAPI v3 document of each group-version along. kagg keeps
	// none: they are asked for now.
	V3 bool
}

// What is asked of one backend for a recording may take recordTimeout with its
// OpenAPI v3 documents, and recordBriefly without them: one that is silent costs its
// own documents, and who only wants to know why should not wait for it.
const (
	recordTimeout = 10 * time.Second
	recordBriefly = time.Second
)

// Record returns everything that kagg's answers follow from now. A document that
// is in no snapshot (one of OpenAPI v3) and cannot be had is left out.
func (a *Aggregator) Record(ctx context.Context, o RecordOptions) (*recording.Recording, error) {
	snapshot := a.snapshots.load()
	r := &recording.Recording{Server: a.recordServer()}
	local, remote, err := a.recordObjects(ctx)
	if err != nil {
		return nil, err
	}
	r.Objects = remote
	if r.Local, err = a.recordLocal(ctx, snapshot.inputs.local, o); err != nil {
		return nil, err
	}
	r.Local.APIServices = local
	r.Backends, err = recordBackends(ctx, snapshot, o)
	return r, err
}

// recordBackends records every backend, each by its own clock.
func recordBackends(ctx context.Context, s *Snapshot, o RecordOptions) ([]recording.Backend, error) {
	keys := slices.SortedFunc(maps.Keys(s.inputs.backends), compareBackends)
	out := make([]recording.Backend, len(keys))
	errs := make(chan error, len(keys))
	slots := make(chan struct{}, recordAtOnce)
	used := map[string]int{}
	for i, key := range keys {
		folder := key.namespace + "_" + key.name + "_" + strconv.Itoa(int(key.port))
		if used[folder]++; used[folder] > 1 {
			folder += "_" + strconv.Itoa(used[folder])
		}
		go func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			var err error
			out[i], err = recordBackend(ctx, s.inputs.backends[key], s.inputs.registry, o)
			out[i].Folder = folder
			errs <- err
		}()
	}
	for range keys {
		if err := <-errs; err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b recording.Backend) int { return cmp.Compare(a.Folder, b.Folder) })
	return out, nil
}

// recordAtOnce is how many backends are asked at once.
const recordAtOnce = 16

func recordBackend(ctx context.Context, v backendView, registry *Registry, o RecordOptions) (recording.Backend, error) {
	key, seen := v.spec.key, v.seen
	b := recording.Backend{
		Namespace: key.namespace, Name: key.name, Port: key.port,
		Documents: recording.Documents{OpenAPIV3: map[string][]byte{}},
		State: &recording.State{
			Probes: map[string]recording.Probe{}, Forms: map[string]string{}, DiscoveryFailures: map[string]string{},
			OpenAPIV2Failure: seen.v2.failure, OpenAPIV3Failure: seen.v3.failure,
			DiscoveryPending: !seen.discovered, OpenAPIPending: !seen.fetched,
		},
	}
	for _, a := range registry.APIServices {
		if a.Spec.Service != nil && registry.keys[a.Name] == key {
			b.State.APIServices = append(b.State.APIServices, a.Name)
		}
	}
	for gv, p := range seen.probes {
		if p.Done {
			b.State.Probes[gv.String()] = recording.Probe{Failure: p.Failure, Hint: p.Hint}
		}
	}
	for _, gv := range seen.unclaimed {
		b.State.Unclaimed = append(b.State.Unclaimed, gv.String())
	}
	var err error
	if b.Discovery, err = recordDiscovery(seen, b.State); err != nil {
		return b, err
	}
	return b, recordOpenAPI(ctx, v, &b, o)
}

// recordDiscovery writes what is known of a backend's discovery as an aggregated
// document, in whatever form the backend gave it; nil when nothing is known.
func recordDiscovery(seen *observation, state *recording.State) ([]byte, error) {
	entries := map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery{}
	for gv, e := range seen.discovery {
		state.Forms[gv.String()] = string(e.form)
		if e.failure != "" {
			state.DiscoveryFailures[gv.String()] = e.failure
		}
		if e.entry != nil {
			entries[gv] = e.entry
		}
	}
	return encodeDiscovery(entries)
}

// encodeDiscovery writes entries as an APIGroupDiscoveryList; nil when there are
// none.
func encodeDiscovery(entries map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery) ([]byte, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	list := apidiscoveryv2.APIGroupDiscoveryList{
		TypeMeta: metav1.TypeMeta{Kind: "APIGroupDiscoveryList", APIVersion: apidiscoveryv2.SchemeGroupVersion.String()},
	}
	for _, gv := range slices.SortedFunc(maps.Keys(entries), compareGroupVersions) {
		if n := len(list.Items); n == 0 || list.Items[n-1].Name != gv.Group {
			list.Items = append(list.Items, apidiscoveryv2.APIGroupDiscovery{ObjectMeta: metav1.ObjectMeta{Name: gv.Group}})
		}
		group := &list.Items[len(list.Items)-1]
		entry := *entries[gv]
		entry.Version = gv.Version
		group.Versions = append(group.Versions, entry)
	}
	return json.MarshalIndent(list, "", "  ")
}

// recordOpenAPI takes the documents along, as the backend sent them where it
// still sends the same.
func recordOpenAPI(ctx context.Context, v backendView, b *recording.Backend, o RecordOptions) error {
	var err error
	if v.seen.v3.index != nil {
		if b.OpenAPIV3Index, err = openapimerge.EncodeV3Index(v.seen.v3.index); err != nil {
			return err
		}
	}
	timeout := recordBriefly
	if o.V3 {
		timeout = recordTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	f := fetcher{rt: v.transport, hosts: func() []string { return v.spec.resolution.Hosts }}
	reachable := v.transport != nil && len(v.spec.resolution.Hosts) > 0 && v.seen.passed()
	if document := v.seen.v2.document; document != nil {
		if reachable {
			if a, err := f.get(ctx, "/openapi/v2", runtime.ContentTypeJSON, "", openAPIUser, openAPILimits); err == nil &&
				fmt.Sprintf("%X", sha256.Sum256(a.body)) == v.seen.v2.etag {
				b.OpenAPIV2 = a.body
			}
		}
		if b.OpenAPIV2 == nil {
			if b.OpenAPIV2, err = document.JSON(); err != nil {
				return err
			}
		}
	}
	if !o.V3 || !reachable || v.seen.v3.index == nil {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(v.seen.v3.index.Paths)) {
		if a, err := f.get(ctx, "/openapi/v3/"+key, runtime.ContentTypeJSON, "", openAPIUser, openAPILimits); err == nil && a.status == 200 {
			b.OpenAPIV3[key] = a.body
		}
	}
	return nil
}

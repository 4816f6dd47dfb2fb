package aggregator

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/handler3"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/proxy"
	"github.com/kagg-project/kagg/recording"
)

// assign finds the recorded backend of each key: the one that names its
// APIService, else the first of its service and port.
func assign(backends []recording.Backend, registry *Registry) map[backendKey]*recording.Backend {
	out := map[backendKey]*recording.Backend{}
	for _, a := range registry.APIServices {
		if a.Spec.Service == nil {
			continue
		}
		key := registry.keys[a.Name]
		for i := range backends {
			b := &backends[i]
			if b.Label() != key.label() {
				continue
			}
			if b.State != nil && slices.Contains(b.State.APIServices, a.Name) {
				out[key] = b
				break
			}
			if out[key] == nil {
				out[key] = b
			}
		}
	}
	return out
}

// replayBackend gives a recorded backend as build sees it. One that was not
// recorded was never asked.
func replayBackend(spec backendSpec, recorded *recording.Backend, roots []byte) (backendView, error) {
	seen := &observation{lastProbe: &atomic.Int64{}}
	if recorded != nil {
		var err error
		if seen, err = replayObservation(spec, recorded); err != nil {
			return backendView{}, fmt.Errorf("backends/%s: %w", recorded.Folder, err)
		}
	}
	v := backendView{spec: spec, seen: seen, wake: func() {}}
	// Made for its errors alone: it connects only when it is used.
	_, v.transportErr = proxy.NewTransport(proxy.TLS{
		ServerName: proxy.Query{Namespace: spec.key.namespace, Name: spec.key.name, Port: spec.key.port}.ServerName(),
		CABundle:   spec.caBundle, InsecureSkipVerify: spec.insecure, ExtraRoots: roots,
	}, proxy.TransportOptions{})
	return v, nil
}

func replayObservation(spec backendSpec, recorded *recording.Backend) (*observation, error) {
	state := recorded.State
	if state == nil {
		state = everythingPassed(spec, recorded)
	}
	o := &observation{
		probes:     map[schema.GroupVersion]availability.ProbeResult{},
		lastProbe:  &atomic.Int64{},
		discovered: !state.DiscoveryPending,
		fetched:    !state.OpenAPIPending,
	}
	for name, p := range state.Probes {
		o.probes[parseGroupVersion(name)] = availability.ProbeResult{Done: true, Failure: p.Failure, Hint: p.Hint}
	}
	if err := o.replayDiscovery(spec, &recorded.Documents, state); err != nil {
		return nil, err
	}
	return o, o.replayOpenAPI(&recorded.Documents, state)
}

// everythingPassed is the state of a backend that was written by hand.
func everythingPassed(spec backendSpec, b *recording.Backend) *recording.State {
	state := &recording.State{Probes: map[string]recording.Probe{}, Forms: map[string]string{}, DiscoveryFailures: map[string]string{}}
	for _, gv := range spec.groupVersions {
		name := gv.String()
		state.Probes[name] = recording.Probe{}
		switch {
		case b.Discovery != nil:
			state.Forms[name] = string(discoverymerge.FormAggregated)
		case b.Legacy[name] != nil:
			state.Forms[name] = string(discoverymerge.FormLegacy)
		default:
			state.Forms[name] = string(discoverymerge.FormLegacy)
			path := availability.Path(gv.Group, gv.Version)
			state.DiscoveryFailures[name] = fmt.Sprintf("get %s: the backend answered 404: nothing was recorded", path)
		}
	}
	return state
}

// parseGroupVersion reads "group/version", or "version" of the core group.
func parseGroupVersion(s string) schema.GroupVersion {
	if group, version, ok := strings.Cut(s, "/"); ok {
		return schema.GroupVersion{Group: group, Version: version}
	}
	return schema.GroupVersion{Version: s}
}

func (o *observation) replayDiscovery(spec backendSpec, d *recording.Documents, state *recording.State) error {
	listed, err := decodeDiscovery(d)
	if err != nil {
		return err
	}
	o.discovery = map[schema.GroupVersion]discoveryEntry{}
	for _, gv := range spec.groupVersions {
		name := gv.String()
		o.discovery[gv] = discoveryEntry{form: discoverymerge.Form(state.Forms[name]), entry: listed[gv], failure: state.DiscoveryFailures[name]}
	}
	for _, name := range state.Unclaimed {
		o.unclaimed = append(o.unclaimed, parseGroupVersion(name))
	}
	for gv := range listed {
		if d.Discovery != nil && !slices.Contains(spec.groupVersions, gv) && !slices.Contains(o.unclaimed, gv) {
			o.unclaimed = append(o.unclaimed, gv)
		}
	}
	slices.SortFunc(o.unclaimed, compareGroupVersions)
	return nil
}

// decodeDiscovery reads the recorded discovery documents of a server.
func decodeDiscovery(d *recording.Documents) (map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery, error) {
	out := map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery{}
	for _, name := range slices.Sorted(maps.Keys(d.Legacy)) {
		content := d.Legacy[name]
		gv := parseGroupVersion(name)
		entry, err := discoverymerge.DecodeLegacy(gv, content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.TrimPrefix(availability.Path(gv.Group, gv.Version), "/")+".json", err)
		}
		out[gv] = entry
	}
	if d.Discovery == nil {
		return out, nil
	}
	entries, err := discoverymerge.DecodeAggregated(d.Discovery)
	if err != nil {
		return nil, fmt.Errorf("apis.json: %w", err)
	}
	for gv, entry := range entries {
		out[gv] = &entry
	}
	return out, nil
}

func (o *observation) replayOpenAPI(d *recording.Documents, state *recording.State) error {
	o.v2.failure, o.v3.failure = state.OpenAPIV2Failure, state.OpenAPIV3Failure
	var err error
	if d.OpenAPIV2 != nil {
		if o.v2.document, err = openapimerge.ReadDocument(d.OpenAPIV2); err != nil {
			return fmt.Errorf("openapi-v2.json: %w", err)
		}
		o.v2.etag = fmt.Sprintf("%X", sha256.Sum256(d.OpenAPIV2))
	}
	if o.v3.index, err = decodeV3Index(d); err != nil {
		return err
	}
	if o.v3.index == nil && o.v3.failure == "" && o.v2.document != nil {
		// One that cannot be converted gives nil: the merge says so.
		o.v2.conversion, _ = openapimerge.Convert(o.v2.document)
	}
	return nil
}

// decodeV3Index reads the recorded index, or makes one of the documents beside it.
func decodeV3Index(d *recording.Documents) (*handler3.OpenAPIV3Discovery, error) {
	if d.OpenAPIV3Index != nil {
		index, err := openapimerge.DecodeV3Index(d.OpenAPIV3Index)
		if err != nil {
			return nil, fmt.Errorf("openapi-v3/index.json: %w", err)
		}
		return index, nil
	}
	if len(d.OpenAPIV3) == 0 {
		return nil, nil //nolint:nilnil // no index is an answer
	}
	index := &handler3.OpenAPIV3Discovery{Paths: map[string]handler3.OpenAPIV3DiscoveryGroupVersion{}}
	for key, content := range d.OpenAPIV3 {
		index.Paths[key] = handler3.OpenAPIV3DiscoveryGroupVersion{ServerRelativeURL: openapimerge.V3URL(key, openapimerge.Hash(content))}
	}
	return index, nil
}

// replayLocal gives recorded local APIs as build sees them.
func replayLocal(l *recording.Local) (*localAPIs, error) {
	out := &localAPIs{openAPI: func() []openapimerge.Input { return nil }}
	if l == nil {
		return out, nil
	}
	var err error
	if out.builtin, err = decodeDiscovery(&l.Documents); err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	core, err := decodeDiscovery(&recording.Documents{Discovery: l.Core})
	if err != nil {
		return nil, fmt.Errorf("local/api.json, of the form of apis.json: %w", err)
	}
	maps.Copy(out.builtin, core)
	if out.custom, err = decodeDiscovery(&l.CustomResources); err != nil {
		return nil, fmt.Errorf("local/customresources: %w", err)
	}
	for gv := range out.custom {
		out.served = append(out.served, gv)
	}
	var inputs []openapimerge.Input
	for _, d := range []struct {
		delegate  string
		documents *recording.Documents
	}{{localDelegate, &l.Documents}, {customDelegate, &l.CustomResources}} {
		in := openapimerge.Input{APIService: d.delegate, Local: true, Backend: localBackend}
		if in.V3, err = decodeV3Index(d.documents); err != nil {
			return nil, fmt.Errorf("local: %w", err)
		}
		if d.documents.OpenAPIV2 != nil {
			if in.V2, err = openapimerge.ReadDocument(d.documents.OpenAPIV2); err != nil {
				return nil, fmt.Errorf("local: openapi-v2.json: %w", err)
			}
			in.V2ETag = openapimerge.LocalETag(d.documents.OpenAPIV2)
		}
		if in.V2 != nil || in.V3 != nil {
			inputs = append(inputs, in)
		}
	}
	out.openAPI = func() []openapimerge.Input { return inputs }
	return out, nil
}

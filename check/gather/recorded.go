package gather

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/proxy"
	"github.com/kagg-project/kagg/recording"
)

// probe asks for each group-version as the availability of its APIService is found out: with the certificate verified,
// be it good or not.
func (g *gatherer) probe(ctx context.Context) {
	rt, err := proxy.NewTransport(proxy.TLS{
		ServerName: g.target.ServerName, CABundle: g.target.CABundle, InsecureSkipVerify: g.target.Insecure,
		ExtraRoots: g.target.ExtraRoots, ClientCert: g.FrontProxyCert, ClientKey: g.FrontProxyKey,
	}, proxy.TransportOptions{DialTimeout: g.Timeout, TLSHandshakeTimeout: g.Timeout})
	if err != nil {
		for _, gv := range g.target.GroupVersions {
			g.probes[gv.String()] = recording.Probe{Failure: err.Error()}
		}
		return
	}
	defer rt.Close()
	for _, gv := range g.target.GroupVersions {
		r := availability.Probe(ctx, rt, g.target.Hosts, availability.Path(gv.Group, gv.Version), 1)
		if !r.Done || ctx.Err() != nil {
			return
		}
		g.probes[gv.String()] = recording.Probe{Failure: r.Failure, Hint: r.Hint}
	}
}

// recorded gives what was read as a recording has it; nil where the backend could not be asked as an aggregator does.
func (g *gatherer) recorded() *recording.Backend {
	if len(g.FrontProxyKey) == 0 || len(g.probes) == 0 {
		return nil
	}
	namespaced, port, _ := strings.Cut(g.target.Label, ":")
	namespace, name, _ := strings.Cut(namespaced, "/")
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return nil
	}
	b := &recording.Backend{
		Folder: namespace + "_" + name + "_" + port, Namespace: namespace, Name: name, Port: int32(number),
		Documents: g.seen.Documents,
		State: &recording.State{
			APIServices: g.seen.APIServices, Probes: g.probes, Forms: map[string]string{}, DiscoveryFailures: map[string]string{},
		},
	}
	b.Legacy, b.OpenAPIV3 = map[string][]byte{}, maps.Clone(b.OpenAPIV3)
	g.recordDiscovery(b)
	recordOpenAPI(b, g.seen)
	return b
}

// recordDiscovery takes discovery along as an aggregator understands it: what cannot be read is a failure.
func (g *gatherer) recordDiscovery(b *recording.Backend) {
	a, failure := g.seen.Aggregated, ""
	switch {
	case a == nil:
		failure = "get /apis: not asked"
	case a.Failure != "" || a.Status == 503:
		failure = why(a)
	case b.Discovery != nil:
		if _, err := discoverymerge.DecodeAggregated(b.Discovery); err != nil {
			failure = "get /apis: " + err.Error()
		}
	default:
		for _, gv := range g.target.GroupVersions {
			g.recordLegacy(b, gv)
		}
		return
	}
	form := discoverymerge.FormAggregated
	if failure != "" {
		form, b.Discovery = discoverymerge.FormNone, nil
	}
	for _, gv := range g.target.GroupVersions {
		b.State.Forms[gv.String()] = string(form)
		if failure != "" {
			b.State.DiscoveryFailures[gv.String()] = failure
		}
	}
}

func (g *gatherer) recordLegacy(b *recording.Backend, gv schema.GroupVersion) {
	name := gv.String()
	b.State.Forms[name] = string(discoverymerge.FormLegacy)
	content := g.seen.Documents.Legacy[name]
	if content == nil {
		b.State.DiscoveryFailures[name] = why(g.seen.Legacy[name])
		return
	}
	if _, err := discoverymerge.DecodeLegacy(gv, content); err != nil {
		b.State.DiscoveryFailures[name] = fmt.Sprintf("get %s: %v", availability.Path(gv.Group, gv.Version), err)
		return
	}
	b.Legacy[name] = content
}

func recordOpenAPI(b *recording.Backend, seen *check.Backend) {
	b.State.OpenAPIV2Failure, b.State.OpenAPIV3Failure = lack(seen.OpenAPIV2), lack(seen.OpenAPIV3)
	if _, err := openapimerge.DecodeV2(b.OpenAPIV2); b.OpenAPIV2 != nil && err != nil {
		b.OpenAPIV2, b.State.OpenAPIV2Failure = nil, "get /openapi/v2: the document cannot be read: "+err.Error()
	}
	if _, err := openapimerge.DecodeV3Index(b.OpenAPIV3Index); b.OpenAPIV3Index != nil && err != nil {
		b.OpenAPIV3Index, b.State.OpenAPIV3Failure = nil, "get /openapi/v3: the document cannot be read: "+err.Error()
	}
}

// lack is why an OpenAPI document could not be had; "" when it was, or there is none (404).
func lack(r *check.Reading) string {
	if r != nil && r.Failure == "" && (r.Status == 200 || r.Status == 404) {
		return ""
	}
	return why(r)
}

// why says it of a document that was not had.
func why(r *check.Reading) string {
	switch {
	case r == nil:
		return "not asked"
	case r.Failure != "":
		return "get " + r.Path + ": " + r.Failure
	}
	return fmt.Sprintf("get %s: the backend answered %d: %s", r.Path, r.Status, r.Message)
}

// Complete returns the recording with the backends that it lacks, as they were seen. Neither argument is changed.
func Complete(r *recording.Recording, seen Result) *recording.Recording {
	out := *r
	out.Backends = slices.Clone(r.Backends)
	for _, key := range slices.Sorted(maps.Keys(seen.Recorded)) {
		b := seen.Recorded[key]
		if slices.ContainsFunc(r.Backends, func(o recording.Backend) bool { return o.Label() == b.Label() }) {
			continue
		}
		folder := b.Folder
		for n := 2; slices.ContainsFunc(out.Backends, func(o recording.Backend) bool { return o.Folder == b.Folder }); n++ {
			b.Folder = folder + "_" + strconv.Itoa(n)
		}
		out.Backends = append(out.Backends, b)
	}
	return &out
}

package gather

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/check"
)

// atOnce is how many resources of one backend are looked at at once.
const atOnce = 4

// resources picks one of each group-version: one that can be listed, rather one that can be watched and created, too.
func (g *gatherer) resources() []check.Resource {
	var out []check.Resource
	for _, gv := range g.target.GroupVersions {
		if r := pick(gv, g.entries[gv]); r != nil {
			out = append(out, *r)
		}
	}
	return out
}

func pick(gv schema.GroupVersion, entry *apidiscoveryv2.APIVersionDiscovery) *check.Resource {
	if entry == nil {
		return nil
	}
	var best *check.Resource
	for i := range entry.Resources {
		e := &entry.Resources[i]
		r := &check.Resource{
			GroupVersion: gv.String(), Name: e.Resource, Verbs: e.Verbs,
			Path: availability.Path(gv.Group, gv.Version) + "/" + e.Resource, Namespaced: e.Scope == apidiscoveryv2.ScopeNamespace,
		}
		if e.ResponseKind != nil {
			r.Kind = e.ResponseKind.Kind
		}
		if !r.Can("list") || strings.Contains(e.Resource, "/") {
			continue
		}
		if best == nil || worth(r) > worth(best) || worth(r) == worth(best) && r.Name < best.Name {
			best = r
		}
	}
	return best
}

func worth(r *check.Resource) int {
	n := 0
	for _, verb := range []string{"create", "watch", "watch"} {
		if r.Can(verb) {
			n++
		}
	}
	return n
}

// behave looks at how the resources answer.
func (g *gatherer) behave(ctx context.Context, resources []check.Resource) {
	var all sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range resources {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			b := behaviour{gatherer: g, resource: &resources[i]}
			b.run(ctx)
		})
	}
	all.Wait()
	if ctx.Err() == nil {
		g.seen.Resources = resources
	}
}

// behaviour looks at one resource.
type behaviour struct {
	*gatherer
	resource *check.Resource
	// items are the list's.
	items []item
	// template is the first of them in full.
	template json.RawMessage
}

// item is what is to be known of an object.
type item struct {
	Metadata struct {
		Name            string            `json:"name"`
		Namespace       string            `json:"namespace"`
		ResourceVersion string            `json:"resourceVersion"`
		Annotations     map[string]string `json:"annotations"`
	} `json:"metadata"`
}

// id names an object in its list.
func (i *item) id() string {
	if i.Metadata.Namespace == "" {
		return i.Metadata.Name
	}
	return i.Metadata.Namespace + "/" + i.Metadata.Name
}

// list is a list as it is decoded.
type list struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
		Continue        string `json:"continue"`
	} `json:"metadata"`
	Items []json.RawMessage `json:"items"`
}

func (l *list) decoded() []item {
	out := make([]item, len(l.Items))
	for i := range l.Items {
		_ = json.Unmarshal(l.Items[i], &out[i]) // what is no object has no name
	}
	return out
}

func (b *behaviour) run(ctx context.Context) {
	b.list(ctx)
	if !b.resource.List.OK() || b.resource.List.Cut {
		return
	}
	var all sync.WaitGroup
	if b.resource.Can("watch") {
		b.watches(ctx, &all)
	}
	all.Go(func() { b.pages(ctx) })
	all.Go(func() {
		if r := b.admin.ask(ctx, request{path: b.resource.Path, query: "limit=500", accept: tableAccept}); ctx.Err() == nil {
			b.resource.Table = &r.Answer
		}
	})
	all.Wait()
	if b.Write && b.verified && !b.seen.Through {
		b.trials(ctx)
	}
}

// tableAccept is what kubectl get asks for.
const tableAccept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"

// list notes the list in full.
func (b *behaviour) list(ctx context.Context) {
	r := b.admin.ask(ctx, request{path: b.resource.Path})
	out := &check.List{Answer: r.Answer, Cut: r.cut}
	b.resource.List = out
	var l list
	if !out.OK() || r.cut || json.Unmarshal(r.body, &l) != nil {
		return
	}
	b.items = l.decoded()
	out.ResourceVersion, out.Items = l.Metadata.ResourceVersion, len(b.items)
	if len(l.Items) > 0 {
		b.template = l.Items[0]
	}
	for i := range b.items {
		version := b.items[i].Metadata.ResourceVersion
		if version == "" && len(out.Unversioned) < maxNames {
			out.Unversioned = append(out.Unversioned, b.items[i].id())
		}
		if n, err := strconv.ParseUint(version, 10, 64); err == nil && n > 1 {
			out.Newer = true
		}
	}
}

// maxNames bounds the names in one fact.
const maxNames = 10

// pages asks for the list in pages, where it has more than one item. Long lists are not read to their end.
func (b *behaviour) pages(ctx context.Context) {
	const whole, most = 200, 3
	if len(b.items) < 2 {
		return
	}
	out := &check.Pages{Limit: (len(b.items) + 1) / 2}
	if len(b.items) > whole {
		out.Limit = whole / 2
	}
	got := map[string]bool{}
	token := ""
	for range most {
		query := "limit=" + strconv.Itoa(out.Limit)
		if token != "" {
			query += "&continue=" + url.QueryEscape(token)
		}
		r := b.admin.ask(ctx, request{path: b.resource.Path, query: query})
		var l list
		if !r.OKStatus() || json.Unmarshal(r.body, &l) != nil {
			out.Failed = &r.Answer
			break
		}
		out.Sizes = append(out.Sizes, len(l.Items))
		for _, one := range l.decoded() {
			id := one.id()
			if got[id] && len(out.Repeated) < maxNames && !slices.Contains(out.Repeated, id) {
				out.Repeated = append(out.Repeated, id)
			}
			got[id] = true
		}
		if token = l.Metadata.Continue; token == "" {
			out.Complete = true
			break
		}
	}
	if out.Complete {
		out.Missing = b.missing(ctx, got)
	}
	if ctx.Err() == nil {
		b.resource.Pages = out
	}
}

// missing are the items that the list had before and has now, and that are not among got.
func (b *behaviour) missing(ctx context.Context, got map[string]bool) []string {
	r := b.admin.ask(ctx, request{path: b.resource.Path})
	var l list
	if !r.OKStatus() || json.Unmarshal(r.body, &l) != nil {
		return nil
	}
	now := l.decoded()
	var out []string
	for i := range b.items {
		id := b.items[i].id()
		still := slices.ContainsFunc(now, func(o item) bool { return o.id() == id })
		if still && !got[id] && len(out) < maxNames {
			out = append(out, id)
		}
	}
	return out
}

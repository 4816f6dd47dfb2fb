package gather

import (
	"context"
	"slices"

	"github.com/kagg-project/kagg/check"
)

// paths are what strangers ask for: the first group-version, and objects, where there are any to list.
func (g *gatherer) paths(resources []check.Resource) []string {
	out := []string{g.probePath()}
	if i := slices.IndexFunc(resources, func(r check.Resource) bool { return r.Can("list") }); i >= 0 {
		out = append(out, resources[i].Path)
	}
	return out
}

// objectsQuery keeps answers with objects short.
const objectsQuery = "limit=1"

// noToken is nobody's token.
const noToken = "kagg-check-no-such-token" //nolint:gosec // it opens nothing

// askIdentity asks in the names of an administrator and of nobody.
func (g *gatherer) askIdentity(ctx context.Context, resources []check.Resource) {
	for _, path := range g.paths(resources) {
		doors := []door{g.admin}
		if !g.seen.Through {
			doors = append(doors, g.admin.as(nobody, everybody))
		}
		for _, d := range doors {
			r := d.ask(ctx, request{path: path, query: objectsQuery})
			if ctx.Err() != nil {
				return
			}
			g.seen.Identity = append(g.seen.Identity, check.Identity{Path: path, User: d.user, Groups: d.groups, Answer: r.Answer})
		}
	}
}

// askStranger asks without a certificate, and with one that nobody signed who is believed.
func (g *gatherer) askStranger(ctx context.Context, resources []check.Resource) {
	if g.first == "" {
		return
	}
	cert, key, err := g.stranger(g.clientCAs)
	if err != nil {
		return
	}
	plain, err := g.dial(g.first, g.verified, nil, nil)
	if err != nil {
		return
	}
	stranger, err := g.dial(g.first, g.verified, cert, key)
	if err != nil {
		return
	}
	for i, path := range g.paths(resources) {
		ask := request{path: path, query: objectsQuery}
		tokened := ask
		tokened.token = noToken
		f := check.Forged{
			Path: path, Objects: i > 0, Plain: plain.ask(ctx, ask).Answer, BadToken: plain.ask(ctx, tokened).Answer,
			Headers:  plain.as("admin", adminGroup).ask(ctx, ask).Answer,
			Stranger: stranger.as("admin", adminGroup).ask(ctx, ask).Answer,
		}
		if ctx.Err() != nil {
			return
		}
		g.seen.Forged = append(g.seen.Forged, f)
	}
}

package gather

import (
	"cmp"
	"context"
	"slices"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/proxy"
	"github.com/kagg-project/kagg/recording"
)

// Who asks. An administrator may read everything; the other is a name that nobody has.
const (
	adminUser  = "system:kube-aggregator"
	adminGroup = "system:masters"
	nobody     = "kagg-check-nobody"
	everybody  = "system:authenticated"
)

// gatherer asks one backend.
type gatherer struct {
	Options
	target     Target
	frontProxy *frontProxy

	seen *check.Backend
	// admin is how to ask as an administrator; its rt is nil where there is no way.
	admin door
	// clientCAs are what the first host named.
	clientCAs [][]byte
	// first is the host that is asked, and verified tells whether its certificate is good.
	first    string
	verified bool
	close    []func()
	// probes are what the probe of each group-version found.
	probes map[string]recording.Probe
	// entries are what discovery says of each group-version.
	entries map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery
}

// run asks everything, as far as there is a way to ask it.
func (g *gatherer) run(ctx context.Context) *check.Backend {
	g.seen = &check.Backend{
		Label: g.target.Label, APIServices: slices.Clone(g.target.APIServices), Trust: g.target.trust(),
		FrontProxy: g.frontProxy.facts(), Legacy: map[string]*check.Reading{},
		Documents: recording.Documents{Legacy: map[string][]byte{}, OpenAPIV3: map[string][]byte{}},
	}
	slices.Sort(g.seen.APIServices)
	g.probes = map[string]recording.Probe{}
	g.entries = map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery{}
	defer func() {
		for _, f := range g.close {
			f()
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, g.Whole)
	defer cancel()
	hosts := g.connect(ctx)
	g.open(ctx, hosts)
	if len(g.FrontProxyKey) > 0 {
		g.probe(ctx)
	}
	for i := range hosts {
		g.seen.Hosts = append(g.seen.Hosts, hosts[i].Host)
	}
	switch {
	case g.admin.rt == nil && !slices.ContainsFunc(g.seen.Hosts, connectedTo):
		g.seen.Stopped = check.StopUnreachable
	case g.admin.rt == nil:
		g.askStranger(ctx, nil)
		g.seen.Stopped = check.StopCredentials
	default:
		g.askAll(ctx)
	}
	if ctx.Err() != nil {
		g.seen.Stopped = check.StopTime
	}
	return g.seen
}

func connectedTo(h check.Host) bool { return h.Failure == "" }

// askAll asks as an administrator, and then as others.
func (g *gatherer) askAll(ctx context.Context) {
	if !g.readLegacy(ctx) {
		g.seen.Stopped = check.StopSilent
		return
	}
	if !g.seen.Through {
		g.readAggregated(ctx)
		g.readOpenAPI(ctx)
	}
	g.decode()
	resources := g.resources()
	g.askIdentity(ctx, resources)
	g.askStranger(ctx, resources)
	g.behave(ctx, resources)
}

// open makes the connection pool of the first host that can be connected to.
func (g *gatherer) open(ctx context.Context, hosts []connected) {
	first := slices.IndexFunc(hosts, func(h connected) bool { return connectedTo(h.Host) })
	if first < 0 || len(g.FrontProxyKey) == 0 {
		g.seen.Through = g.Server != ""
		if g.seen.Through {
			g.admin = door{rt: g.Client, base: trimSlash(g.Server), timeout: g.Timeout}
		}
	}
	if first < 0 {
		return
	}
	g.first, g.clientCAs = hosts[first].Address, hosts[first].clientCAs
	g.verified = verified(g.seen.Trust, hosts[first].Certificate, time.Now())
	if len(g.FrontProxyKey) == 0 {
		return
	}
	for i := range hosts {
		if !connectedTo(hosts[i].Host) {
			continue
		}
		good := verified(g.seen.Trust, hosts[i].Certificate, time.Now())
		d, err := g.dial(hosts[i].Address, good, g.FrontProxyCert, g.FrontProxyKey)
		if err != nil {
			hosts[i].Refused = oneLine(err.Error())
			continue
		}
		if r := d.as(adminUser, adminGroup).ask(ctx, request{path: g.probePath()}); r.Failure != "" && !r.Hung && ctx.Err() == nil {
			hosts[i].Refused = cmp.Or(g.alert(ctx, d, hosts[i].Address), r.Failure)
		}
		if i == first {
			g.admin = d.as(adminUser, adminGroup)
		}
	}
}

// probePath is what the backend has to serve.
func (g *gatherer) probePath() string {
	gv := g.target.GroupVersions[0]
	return availability.Path(gv.Group, gv.Version)
}

// dial makes a connection pool to an address with a client certificate, or none. A certificate that was not good is
// not asked for again: what else is wrong is to be seen, too.
func (g *gatherer) dial(address string, verified bool, cert, key []byte) (door, error) {
	t := proxy.TLS{
		ServerName: g.target.ServerName, CABundle: g.target.CABundle, InsecureSkipVerify: g.target.Insecure,
		ExtraRoots: g.target.ExtraRoots, ClientCert: cert, ClientKey: key,
	}
	if !verified {
		t.CABundle, t.ExtraRoots, t.InsecureSkipVerify = nil, nil, true
	}
	rt, err := proxy.NewTransport(t, proxy.TransportOptions{DialTimeout: g.Timeout, TLSHandshakeTimeout: g.Timeout})
	if err != nil {
		return door{}, err
	}
	g.close = append(g.close, rt.Close)
	return door{rt: rt, base: "https://" + address, timeout: g.Timeout}, nil
}

func trimSlash(s string) string {
	for len(s) > 0 && s[len(s)-1] == '/' {
		s = s[:len(s)-1]
	}
	return s
}

package launch

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/proxy"
	"github.com/kagg-project/kagg/recording"
)

// plan is who is to be served by the child.
type plan struct {
	// names are the APIServices of the objects that the child serves, sorted; none: it is asked.
	names []string
	// services are what its certificate is to be for, at least one.
	services []service
	// overrides lead them to the child.
	overrides []proxy.Override
	// stdin is what is left to read of standard input: all of it.
	stdin io.Reader
}

// service names a Service.
type service struct{ namespace, name string }

// newPlan reads the objects and finds the APIServices that the child is to serve: those whose Service is missing or
// has no endpoint, as in manifests that were written for a cluster, and those whose address is the child's own.
func newPlan(o *Options, port int) (plan, error) {
	host := "127.0.0.1:" + strconv.Itoa(port)
	p := plan{}
	if err := p.readObjects(o, port); err != nil {
		return p, err
	}
	if len(p.services) == 0 {
		p.services = []service{{"default", serviceName(o.Command[0])}}
	}
	for _, s := range p.services {
		p.overrides = append(p.overrides, proxy.Override{Namespace: s.namespace, Name: s.name, Host: host})
	}
	return p, nil
}

func (p *plan) readObjects(o *Options, port int) error {
	if len(o.Config.Filenames) == 0 {
		return nil
	}
	// It is read twice: now, and by kagg.
	if o.Config.Stdin != nil && slices.Contains(o.Config.Filenames, "-") {
		data, err := io.ReadAll(o.Config.Stdin)
		if err != nil {
			return err
		}
		o.Config.Stdin, p.stdin = bytes.NewReader(data), bytes.NewReader(data)
	}
	objects, err := manifest.Load(aggregator.ManifestOptions(o.Config.Filenames, o.Config.Recursive, o.Config.Stdin))
	if err != nil {
		return &aggregator.InputError{Err: err}
	}
	server := &recording.Server{}
	for _, e := range o.Config.Endpoints {
		server.Endpoints = append(server.Endpoints, e.String())
	}
	replay, err := aggregator.NewReplay(&recording.Recording{Objects: objects, Server: server})
	if err != nil {
		return &aggregator.InputError{Err: err}
	}
	views := replay.Snapshot.APIServices()
	for i := range views {
		p.claim(&views[i], port)
	}
	return nil
}

// claim makes the child serve an APIService that nobody else does.
func (p *plan) claim(v *aggregator.APIServiceView, port int) {
	failed, ok := errors.AsType[*proxy.ResolveError](v.ResolveErr)
	unserved := ok && (failed.Cause == proxy.CauseServiceNotFound || failed.Cause == proxy.CauseNoEndpoints)
	if v.Local() || (!unserved && !slices.ContainsFunc(v.Resolution.Hosts, func(host string) bool { return isHere(host, port) })) {
		return
	}
	p.names = append(p.names, v.Object.Name)
	if s := (service{v.Query.Namespace, v.Query.Name}); !slices.Contains(p.services, s) {
		p.services = append(p.services, s)
	}
}

// isHere tells whether an address is the port of this machine.
func isHere(address string, port int) bool {
	host, written, err := net.SplitHostPort(address)
	return err == nil && written == strconv.Itoa(port) && slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, host)
}

var notInLabel = regexp.MustCompile(`[^a-z0-9]+`)

// serviceName makes a name for the Service of a program, as a DNS label.
func serviceName(program string) string {
	base := strings.ToLower(filepath.Base(program))
	name := notInLabel.ReplaceAllString(strings.TrimSuffix(base, filepath.Ext(base)), "-")
	name = strings.Trim(name[:min(len(name), 63)], "-")
	if name == "" {
		return "apiserver"
	}
	return name
}

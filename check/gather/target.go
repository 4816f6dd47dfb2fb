package gather

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/aggregator"
)

// Target is one backend to connect to.
type Target struct {
	// Key is its key in the results: Label, and a number where several backends have that label.
	Key string
	// Label is "namespace/name:port".
	Label string
	// APIServices are the names of those that send requests to it, sorted, and GroupVersions what they name.
	APIServices   []string
	GroupVersions []schema.GroupVersion
	// Hosts are its addresses, "host:port".
	Hosts []string
	// ServerName is what its certificate has to bear.
	ServerName string
	// CABundle and Insecure are the APIServices'. ExtraRoots count beside the system's where CABundle is empty.
	CABundle   []byte
	Insecure   bool
	ExtraRoots []byte
}

// Targets returns the backends of APIServices, in the order of their labels: those that are reached at the same
// addresses with the same trust are one. APIServices that are Local or lead nowhere have none. trustedCA is what
// kagg trusts beside the system's roots. Pure.
func Targets(views []aggregator.APIServiceView, trustedCA []byte) []Target {
	var out []Target
	for i := range views {
		v := &views[i]
		if v.Local() || v.ResolveErr != nil || len(v.Resolution.Hosts) == 0 {
			continue
		}
		t := Target{
			Label: v.Backend, Hosts: v.Resolution.Hosts, ServerName: v.Query.ServerName(),
			CABundle: v.Object.Spec.CABundle, Insecure: v.Object.Spec.InsecureSkipTLSVerify, ExtraRoots: trustedCA,
		}
		at := slices.IndexFunc(out, t.same)
		if at < 0 {
			at = len(out)
			out = append(out, t)
		}
		out[at].APIServices = append(out[at].APIServices, v.Object.Name)
		out[at].GroupVersions = append(out[at].GroupVersions, schema.GroupVersion{Group: v.Object.Spec.Group, Version: v.Object.Spec.Version})
	}
	// Stable: those of one label stay in the order of their APIServices.
	slices.SortStableFunc(out, func(a, b Target) int { return cmp.Compare(a.Label, b.Label) })
	used := map[string]int{}
	for i := range out {
		t := &out[i]
		t.Key = t.Label
		if used[t.Label]++; used[t.Label] > 1 {
			t.Key += " " + strconv.Itoa(used[t.Label])
		}
	}
	return out
}

func (t Target) same(o Target) bool {
	return t.Label == o.Label && t.Insecure == o.Insecure && bytes.Equal(t.CABundle, o.CABundle) && slices.Equal(t.Hosts, o.Hosts)
}

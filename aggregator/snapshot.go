package aggregator

import (
	"maps"
	"slices"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/proxy"
)

// Snapshot is everything that a request needs, at one moment. It is immutable
// and safe for concurrent use. What is costly in it (the OpenAPI documents) is
// made when it is first asked for, once.
type Snapshot struct {
	// Generation counts the published snapshots from 1 on. A snapshot is
	// published only when it differs from the one before.
	Generation uint64
	// Conditions are the Available conditions by APIService name, without
	// transition times. One whose status is Unknown with an empty reason has
	// not been probed yet.
	Conditions map[string]apiregistrationv1.APIServiceCondition

	// lacks say, of each available backend without an OpenAPI document, why.
	lacks map[string]string
	// served are the Local APIServices whose group-version the local APIs have, or
	// a definition will have.
	served map[string]bool
	// uids tell an APIService from a later one of the same name.
	uids      map[string]types.UID
	routes    map[string]*route
	groups    map[string]bool
	discovery *discoveryDocument
	openAPI   *openAPIDocuments
	complete  bool
	// inputs are what the snapshot was built from.
	inputs buildInput
}

// route is where the requests under one path go.
type route struct {
	target    proxy.Target
	condition apiregistrationv1.APIServiceCondition
	label     string
	// mend says what usually makes the APIService available; "" if it is.
	mend      string
	lastProbe *atomic.Int64
	// wake makes the backend be probed at once; it never blocks.
	wake func()
}

func (r *route) equal(o *route) bool {
	a, b := r.target, o.target
	return r.condition == o.condition && r.mend == o.mend && r.label == o.label &&
		a.APIService == b.APIService && a.Local == b.Local && a.Available == b.Available &&
		a.Resolution.Rule == b.Resolution.Rule && slices.Equal(a.Resolution.Hosts, b.Resolution.Hosts) &&
		a.Transport == b.Transport && errorText(a.ResolveErr) == errorText(b.ResolveErr) &&
		errorText(a.TransportErr) == errorText(b.TransportErr)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// equal tells whether two snapshots answer every request alike.
func (s *Snapshot) equal(o *Snapshot) bool {
	return s.complete == o.complete && s.discovery == o.discovery && s.openAPI == o.openAPI &&
		maps.Equal(s.Conditions, o.Conditions) && maps.Equal(s.uids, o.uids) && maps.Equal(s.lacks, o.lacks) && maps.EqualFunc(s.routes, o.routes, (*route).equal)
}

package delegate

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration"
)

const (
	// minWatch is the shortest time that a watch without a timeout of its own lasts; the longest is twice
	// that. It is a kube-apiserver's --min-request-timeout.
	minWatch = 30 * time.Minute
	// maxBody is how many bytes a written object may have, as in a kube-apiserver.
	maxBody = 3 << 20
)

// priority is a group version's place in discovery: groupPriorityMinimum and versionPriority of its
// APIService.
type priority struct{ group, version int32 }

// priorities are those of k8s.io/kubernetes/pkg/controlplane/apiserver/aggregator.go and
// pkg/controlplane/instance.go, of the versions that are on in a cluster by default and their nearest.
var priorities = map[schema.GroupVersion]priority{
	{Group: "", Version: "v1"}:                                  {18000, 1},
	{Group: "apps", Version: "v1"}:                              {17800, 15},
	{Group: "events.k8s.io", Version: "v1"}:                     {17750, 15},
	{Group: "authentication.k8s.io", Version: "v1"}:             {17700, 15},
	{Group: "authorization.k8s.io", Version: "v1"}:              {17600, 15},
	{Group: "autoscaling", Version: "v1"}:                       {17500, 15},
	{Group: "autoscaling", Version: "v2"}:                       {17500, 30},
	{Group: "batch", Version: "v1"}:                             {17400, 15},
	{Group: "certificates.k8s.io", Version: "v1"}:               {17300, 15},
	{Group: "networking.k8s.io", Version: "v1"}:                 {17200, 15},
	{Group: "policy", Version: "v1"}:                            {17100, 15},
	{Group: "rbac.authorization.k8s.io", Version: "v1"}:         {17000, 15},
	{Group: "storage.k8s.io", Version: "v1"}:                    {16800, 15},
	{Group: "admissionregistration.k8s.io", Version: "v1"}:      {16700, 15},
	{Group: "apiextensions.k8s.io", Version: "v1"}:              {16700, 15},
	{Group: "scheduling.k8s.io", Version: "v1"}:                 {16600, 15},
	{Group: "coordination.k8s.io", Version: "v1"}:               {16500, 15},
	{Group: "node.k8s.io", Version: "v1"}:                       {16300, 15},
	{Group: "discovery.k8s.io", Version: "v1"}:                  {16200, 15},
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1"}:      {16100, 21},
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1beta3"}: {16100, 18},
	{Group: "resource.k8s.io", Version: "v1"}:                   {15900, 15},
	{Group: "storagemigration.k8s.io", Version: "v1"}:           {15800, 15},
}

// Priority returns groupPriorityMinimum and versionPriority of the APIService that a kube-apiserver of
// v1.37 registers for one of its own group versions; higher comes first. ok is false, and both are 0, for
// a group version that has no such APIService: those of other servers, and apiregistration.k8s.io, which
// a kube-apiserver lists before all others without one. The answer does not depend on what the delegate
// serves. It is safe for concurrent use.
func Priority(gv schema.GroupVersion) (group, version int32, ok bool) {
	p, ok := priorities[gv]
	return p.group, p.version, ok
}

// rank orders what the delegate serves in its own discovery.
func rank(gv schema.GroupVersion) priority {
	if gv.Group == apiregistration.GroupName {
		return priority{20000, 15}
	}
	return priorities[gv]
}

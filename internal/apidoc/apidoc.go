// Package apidoc writes docs/api.md, the list of what kagg serves, from the discovery of the local APIs.
// In come kinds, out goes Markdown; nothing else is read.
package apidoc

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/memory"
)

//go:generate go run ./generate ../../docs/api.md

const head = `# The local APIs

<!-- Generated from the discovery of the local APIs: go generate ./internal/apidoc -->

What kagg serves of its own, beside the APIs of the custom apiservers behind it: the kinds, verbs, subresources and
field selectors of a kube-apiserver v1.37 at its stable versions, and flowcontrol.apiserver.k8s.io/v1beta3 for
apiservers that were built before v1.29. An object that is served in several versions is one object. Custom
resources are added by their CustomResourceDefinitions.

**No controllers stand behind them, and nothing runs Pods.** A Deployment makes no ReplicaSet, a Job no Pod, a Service
no Endpoints, a PersistentVolumeClaim no volume: objects stay as they are written, for you or your controller to act
on. Nor is there a Service default/kubernetes.

**Writes to these kinds, and to custom resources, are not sent through admission policies and webhooks.** Their
configurations are kept for the custom apiservers that enforce them on kinds of their own, as each that is built on
k8s.io/apiserver does. Quotas, LimitRanges, priorities and default tolerations change and refuse no Pod here; what
is enforced is that namespaces and the ServiceAccounts of Pods exist.

What kagg does as a cluster does:

- Services get cluster IPs and node ports;
- namespaces are emptied when they are deleted, local and custom resources and what custom apiservers hold, and their
  conditions say what keeps them;
- what is owned by a deleted object is deleted, after it, before it, or not, as ` + "`--cascade`" + ` asks; the objects of
  custom apiservers are looked at as owners, and do not go with their own;
- an eviction counts against the status of the PodDisruptionBudget that selects the pod, which nothing but you updates;
- a pod that is bound to a node stays until its grace period is over and somebody deletes it as its kubelet would, or
  until it is deleted with ` + "`--grace-period=0`" + `; a pod without a node is gone at once;
- logs, exec, attach, port-forward and the proxies of pods, services and nodes answer that nothing runs here;
- the list of componentstatuses is empty.

Every kind that can be listed can be limited by label, and by the fields named here. "Kept" verbs are the usual ones:
create, delete, deletecollection, get, list, patch (JSON, merge, strategic merge, server-side apply), update, watch.
`

// usual are the verbs that most kinds have.
const usual = "create, delete, deletecollection, get, list, patch, update, watch"

// Markdown describes kinds, which are in the order of their groups.
func Markdown(kinds []delegate.Kind) string {
	var b strings.Builder
	b.WriteString(head)
	last := ""
	for i := range kinds {
		k := &kinds[i]
		if gv := k.GroupVersion().String(); gv != last {
			last = gv
			fmt.Fprintf(&b, "\n## %s\n\n| kind | resource | short | scope | verbs | subresources | field selectors |\n| --- | --- | --- | --- | --- | --- | --- |\n", gv)
		}
		scope := "cluster"
		if k.Namespaced {
			scope = "namespace"
		}
		verbs := strings.Join(k.Verbs, ", ")
		if verbs == usual {
			verbs = "kept"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", k.Kind, k.Resource, strings.Join(k.ShortNames, ", "), scope, verbs,
			strings.Join(k.Subresources, ", "), strings.Join(k.FieldSelectors, ", "))
	}
	return b.String()
}

// Kinds are those of a server that is made for this.
func Kinds() ([]delegate.Kind, error) {
	backend := memory.NewBackend(memory.Options{})
	defer backend.Close()
	s, err := delegate.New(delegate.Config{
		RESTOptionsGetter: backend.RESTOptionsGetter(delegate.StorageCodec),
		Authorizer:        authorizerfactory.NewAlwaysAllowAuthorizer(),
		Version:           &version.Info{GitVersion: "v1.37.2"},
	})
	if err != nil {
		return nil, fmt.Errorf("reading what the local APIs serve: %w", err)
	}
	return s.Kinds(), nil
}

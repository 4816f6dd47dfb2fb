package rbac

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

func TestHint(t *testing.T) {
	t.Parallel()
	ann := &user.DefaultInfo{Name: "ann"}
	robot := &user.DefaultInfo{Name: "system:serviceaccount:wardle:api"}
	on := func(u user.Info, verb, group, resource, subresource, namespace, name string) authorizer.AttributesRecord {
		return authorizer.AttributesRecord{User: u, Verb: verb, APIGroup: group, Resource: resource, Subresource: subresource, Namespace: namespace, Name: name, ResourceRequest: true}
	}
	for name, c := range map[string]struct {
		asked authorizer.AttributesRecord
		want  []string
	}{
		"token review": {on(robot, "create", "authentication.k8s.io", "tokenreviews", "", "", ""), []string{
			"kubectl create clusterrolebinding wardle-api-system:auth-delegator --clusterrole=system:auth-delegator --serviceaccount=wardle:api",
		}},
		"authentication config": {on(robot, "watch", "", "configmaps", "", "kube-system", "extension-apiserver-authentication"), []string{
			"kubectl create rolebinding wardle-api-extension-apiserver-authentication-reader --namespace=kube-system --role=extension-apiserver-authentication-reader --serviceaccount=wardle:api",
		}},
		"another ConfigMap": {on(robot, "get", "", "configmaps", "", "kube-system", "other"), []string{
			"kubectl create role get-configmaps-other --namespace=kube-system --verb=get --resource=configmaps --resource-name=other",
			"kubectl create rolebinding wardle-api-get-configmaps-other --namespace=kube-system --role=get-configmaps-other --serviceaccount=wardle:api",
		}},
		"in a namespace": {on(ann, "list", "wardle.example.com", "flunders", "", "garden", ""), []string{
			"kubectl create role list-flunders-wardle.example.com --namespace=garden --verb=list --resource=flunders.wardle.example.com",
			"kubectl create rolebinding ann-list-flunders-wardle.example.com --namespace=garden --role=list-flunders-wardle.example.com --user=ann",
		}},
		"subresource": {on(ann, "patch", "flowcontrol.apiserver.k8s.io", "flowschemas", "status", "", "exempt"), []string{
			"kubectl create clusterrole patch-flowschemas-status-flowcontrol.apiserver.k8s.io-exempt --verb=patch --resource=flowschemas.flowcontrol.apiserver.k8s.io/status --resource-name=exempt",
			"kubectl create clusterrolebinding ann-patch-flowschemas-status-flowcontrol.apiserver.k8s.io-exempt --clusterrole=patch-flowschemas-status-flowcontrol.apiserver.k8s.io-exempt --user=ann",
		}},
		"create knows no name": {on(ann, "create", "", "pods", "", "garden", "new"), []string{
			"kubectl create role create-pods --namespace=garden --verb=create --resource=pods",
			"kubectl create rolebinding ann-create-pods --namespace=garden --role=create-pods --user=ann",
		}},
		"path": {authorizer.AttributesRecord{User: ann, Verb: "get", Path: "/metrics"}, []string{
			"kubectl create clusterrole get-metrics --verb=get --non-resource-url=/metrics",
			"kubectl create clusterrolebinding ann-get-metrics --clusterrole=get-metrics --user=ann",
		}},
		"discovery": {authorizer.AttributesRecord{User: &user.DefaultInfo{Groups: []string{"a b"}}, Verb: "get", Path: "/openapi/v3"}, []string{
			"kubectl create clusterrolebinding a-b-system:discovery --clusterrole=system:discovery --group='a b'",
		}},
		"quoting": {on(&user.DefaultInfo{Name: "o'neil $HOME"}, "get", "", "nodes", "", "", ""), []string{
			"kubectl create clusterrole get-nodes --verb=get --resource=nodes",
			`kubectl create clusterrolebinding o-neil--home-get-nodes --clusterrole=get-nodes --user='o'\''neil $HOME'`,
		}},
		"nothing that moves a cursor": {on(&user.DefaultInfo{Name: "a\n\x1b[31m'é"}, "get", "", "nodes", "", "", ""), []string{
			"kubectl create clusterrole get-nodes --verb=get --resource=nodes",
			`kubectl create clusterrolebinding a---31m---get-nodes --clusterrole=get-nodes --user=$'a\x0a\x1b[31m\'é'`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, Hint(c.asked)); diff != "" {
				t.Errorf("commands (-want +got):\n%s", diff)
			}
		})
	}
}

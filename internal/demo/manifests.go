package demo

import (
	"bytes"
	"fmt"
	"net"
	"text/template"
)

// manifest is what stands for one server in Kubernetes: how its Service is found,
// and which group and version is behind that Service.
var manifest = template.Must(template.New("manifest").Parse(`---
apiVersion: v1
kind: Service
metadata:
  name: {{.Service}}
  namespace: {{.Namespace}}
spec:
  ports:
  - name: https
    port: 443
    targetPort: {{.Port}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {{.Service}}
  namespace: {{.Namespace}}
  labels:
    kubernetes.io/service-name: {{.Service}}
addressType: IPv4
endpoints:
- addresses:
  - {{.Host}}
  conditions:
    ready: true
ports:
- name: https
  port: {{.Port}}
  protocol: TCP
{{- range .APIServices}}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata:
  name: {{.Name}}
spec:
  group: {{.Group}}
  version: {{.Version}}
  groupPriorityMinimum: 1000
  versionPriority: {{.Priority}}
  service:
    namespace: {{$.Namespace}}
    name: {{$.Service}}
{{- end}}
`))

// Delegation is the part of Manifests that lets the orchard authenticate and
// authorize by kagg where kagg asks for RBAC: what every custom apiserver is bound to
// in a cluster. The subject is the user of Options.Kubeconfig. It names no address,
// so that it can be there before Start.
const Delegation = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: kagg-demo-authentication
  namespace: kube-system
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: extension-apiserver-authentication-reader
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: Group
  name: system:kagg:apiservers
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kagg-demo-delegation
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: system:auth-delegator
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: Group
  name: system:kagg:apiservers
`

type manifestValues struct {
	Namespace, Service, Host, Port string
	APIServices                    []apiServiceValues
}

type apiServiceValues struct {
	Name, Group, Version string
	Priority             int
}

// Manifests returns the YAML documents that make kagg aggregate the servers: for
// each a Service, an EndpointSlice with the address that it listens on, and its
// APIServices; and the bindings that delegated authentication and authorization
// take in RBAC mode. They are the same bytes each time.
func (d *Demo) Manifests() []byte {
	out := bytes.NewBufferString(Delegation)
	for _, s := range d.servers {
		// Both come from a listener and templates of this file: neither can fail.
		host, port, err := net.SplitHostPort(s.Address)
		if err != nil {
			panic(fmt.Sprintf("the listener's address %q: %v", s.Address, err))
		}
		values := manifestValues{Namespace: s.Namespace, Service: s.Service, Host: host, Port: port}
		for i, name := range s.APIServices {
			version, group := apiServiceParts(name)
			values.APIServices = append(values.APIServices, apiServiceValues{
				Name: name, Group: group, Version: version, Priority: 20 - 5*i,
			})
		}
		if err := manifest.Execute(out, values); err != nil {
			panic(fmt.Sprintf("the manifest of %s/%s: %v", s.Namespace, s.Service, err))
		}
	}
	return out.Bytes()
}

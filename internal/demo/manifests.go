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
// APIServices. They are the same bytes each time.
func (d *Demo) Manifests() []byte {
	var out bytes.Buffer
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
		if err := manifest.Execute(&out, values); err != nil {
			panic(fmt.Sprintf("the manifest of %s/%s: %v", s.Namespace, s.Service, err))
		}
	}
	return out.Bytes()
}

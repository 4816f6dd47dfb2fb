package main

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"strconv"
	"strings"
)

// objects are Kubernetes objects, as JSON.
type objects []object

// registrations are the APIServices of n groups with their Services and EndpointSlices, all on one Service if
// together.
func (r *rig) registrations(b *backendServer, n int, together bool) objects {
	_, port, _ := net.SplitHostPort(b.address)
	number, _ := strconv.Atoi(port)
	var out objects
	for i := range n {
		service := serviceName(i)
		if together {
			service = serviceName(0)
		}
		if i == 0 || !together {
			out = append(out, serviceObject(service), sliceObject(service, number))
		}
		out = append(out, object{
			"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
			"metadata": object{"name": "v1." + groupName(i)},
			"spec": object{
				"group": groupName(i), "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 15,
				"caBundle": base64.StdEncoding.EncodeToString(r.backendPEM),
				"service":  object{"namespace": "default", "name": service},
			},
		})
	}
	return out
}

func serviceObject(name string) object {
	return object{
		"apiVersion": "v1", "kind": "Service", "metadata": object{"name": name, "namespace": "default"},
		"spec": object{"ports": []any{object{"port": 443, "protocol": "TCP"}}},
	}
}

func sliceObject(service string, port int) object {
	return object{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
		"metadata":    object{"name": service, "namespace": "default", "labels": object{"kubernetes.io/service-name": service}},
		"addressType": "IPv4",
		"endpoints":   []any{object{"addresses": []any{"127.0.0.1"}, "conditions": object{"ready": true}}},
		"ports":       []any{object{"port": port, "protocol": "TCP"}},
	}
}

// all is never nil.
func (o objects) all() []object { return append([]object{}, o...) }

// yaml is a document each.
func (o objects) yaml() string {
	var b strings.Builder
	for _, one := range o {
		data, err := json.Marshal(one)
		if err != nil {
			panic(err) // strings and numbers alone
		}
		b.WriteString("---\n")
		b.Write(data)
		b.WriteString("\n")
	}
	return b.String()
}

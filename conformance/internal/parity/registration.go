package parity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Registration is an APIService with the Service and the EndpointSlice of a backend.
type Registration struct {
	// Name is the APIService's, VERSION.GROUP.
	Name string `json:"name"`
	// Backend is which one stands behind it. Default: it is Local.
	Backend string `json:"backend,omitempty"`
	// Service is the name of the Service in the namespace default. Default: the backend's.
	Service string `json:"service,omitempty"`
	// GroupPriority and VersionPriority default to 1000 and 15.
	GroupPriority   int64 `json:"groupPriority,omitempty"`
	VersionPriority int64 `json:"versionPriority,omitempty"`
	// Insecure is insecureSkipTLSVerify in place of the CA.
	Insecure bool `json:"insecure,omitempty"`
}

// register creates what a registration stands for.
func (s *side) register(ctx context.Context, r *Registration, ca *authority) error {
	version, group, _ := strings.Cut(r.Name, ".")
	service := map[string]any{"namespace": "default", "name": or(r.Service, r.Backend)}
	spec := map[string]any{
		"group": group, "version": version, "groupPriorityMinimum": or(r.GroupPriority, 1000), "versionPriority": or(r.VersionPriority, 15),
	}
	if r.Backend != "" {
		b, err := s.backend(r.Backend)
		if err != nil {
			return err
		}
		for _, o := range standard(service["name"].(string), b.port()) {
			if err := s.put(ctx, o); err != nil {
				return err
			}
		}
		spec["service"] = service
		if r.Insecure {
			spec["insecureSkipTLSVerify"] = true
		} else {
			spec["caBundle"] = base64.StdEncoding.EncodeToString(ca.pem)
		}
	}
	return s.put(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
		"metadata": map[string]any{"name": r.Name}, "spec": spec,
	}})
}

func (s *side) registerAll(ctx context.Context, all []Registration, ca *authority) error {
	for i := range all {
		if err := s.register(ctx, &all[i], ca); err != nil {
			return fmt.Errorf("registering %s: %w", all[i].Name, err)
		}
	}
	return nil
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// standard are a Service and its EndpointSlice with one ready endpoint.
func standard(name, port string) []*unstructured.Unstructured {
	number, _ := strconv.ParseInt(port, 10, 32)
	return []*unstructured.Unstructured{
		{Object: map[string]any{
			"apiVersion": "v1", "kind": "Service",
			"metadata": map[string]any{"name": name, "namespace": "default"},
			"spec":     map[string]any{"ports": []any{map[string]any{"port": int64(443), "protocol": "TCP"}}},
		}},
		{Object: map[string]any{
			"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
			"metadata":    map[string]any{"name": name, "namespace": "default", "labels": map[string]any{"kubernetes.io/service-name": name}},
			"addressType": "IPv4",
			"endpoints":   []any{map[string]any{"addresses": []any{"127.0.0.1"}, "conditions": map[string]any{"ready": true}}},
			"ports":       []any{map[string]any{"port": number, "protocol": "TCP"}},
		}},
	}
}

// listed is "GROUP/VERSION RESOURCE=KIND ...", the short form of what a backend lists.
type listed struct {
	group, version string
	resources      [][2]string
}

func parseListed(text string) (listed, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 || !strings.Contains(fields[0], "/") {
		return listed{}, fmt.Errorf("resources %q: write GROUP/VERSION and RESOURCE=KIND for each", text)
	}
	var out listed
	out.group, out.version, _ = strings.Cut(fields[0], "/")
	for _, f := range fields[1:] {
		resource, kind, ok := strings.Cut(f, "=")
		if !ok {
			return out, fmt.Errorf("resources %q: write GROUP/VERSION and RESOURCE=KIND for each", text)
		}
		out.resources = append(out.resources, [2]string{resource, kind})
	}
	return out, nil
}

// legacyDocument is an APIResourceList.
func legacyDocument(text string) ([]byte, error) {
	l, err := parseListed(text)
	if err != nil {
		return nil, err
	}
	resources := []any{}
	for _, r := range l.resources {
		resources = append(resources, map[string]any{
			"name": r[0], "singularName": strings.ToLower(r[1]), "namespaced": true, "kind": r[1], "verbs": []string{"get", "list"},
		})
	}
	return json.Marshal(map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": l.group + "/" + l.version, "resources": resources})
}

// aggregatedDocument is an APIGroupDiscoveryList; versions of one group that follow each other are one item.
func aggregatedDocument(texts []string) ([]byte, error) {
	items := []any{}
	last := ""
	for _, text := range texts {
		l, err := parseListed(text)
		if err != nil {
			return nil, err
		}
		resources := []any{}
		for _, r := range l.resources {
			resources = append(resources, map[string]any{
				"resource": r[0], "responseKind": map[string]any{"group": l.group, "version": l.version, "kind": r[1]},
				"scope": "Namespaced", "singularResource": strings.ToLower(r[1]), "verbs": []string{"get", "list"},
			})
		}
		version := map[string]any{"version": l.version, "freshness": "Current", "resources": resources}
		if l.group == last && len(items) > 0 {
			item, _ := items[len(items)-1].(map[string]any)
			versions, _ := item["versions"].([]any)
			item["versions"] = append(versions, version)
			continue
		}
		last = l.group
		items = append(items, map[string]any{"metadata": map[string]any{"name": l.group}, "versions": []any{version}})
	}
	return json.Marshal(map[string]any{"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": map[string]any{}, "items": items})
}

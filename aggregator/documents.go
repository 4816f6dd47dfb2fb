package aggregator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"

	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/internal/inprocess"
	"github.com/kagg-project/kagg/openapimerge"
)

// DiscoveryJSON returns what /apis answers to a client that asks for the
// aggregated form in JSON, byte by byte, and indented, as curl and browsers get it.
func (s *Snapshot) DiscoveryJSON() ([]byte, error) {
	return served(s.discovery.serve, "/apis?pretty=true", discovery.AcceptV2)
}

// GroupsJSON returns what /apis answers to a client that asks for JSON alone, the
// APIGroupList, indented as well.
func (s *Snapshot) GroupsJSON() ([]byte, error) {
	return served(s.discovery.serve, "/apis?pretty=true", runtime.ContentTypeJSON)
}

// OpenAPIV2JSON returns what /openapi/v2 answers in JSON. The error is that of
// the merge.
func (s *Snapshot) OpenAPIV2JSON() ([]byte, error) {
	if _, err := s.OpenAPIV2(); err != nil {
		return nil, err
	}
	return served(s.openAPI.serveV2.ServeHTTP, "/openapi/v2", runtime.ContentTypeJSON)
}

// OpenAPIV3IndexJSON returns what /openapi/v3 answers.
func (s *Snapshot) OpenAPIV3IndexJSON() ([]byte, error) {
	return served(s.openAPI.serveV3Index, "/openapi/v3", runtime.ContentTypeJSON)
}

// served returns what a handler of merged documents answers.
func served(handler http.HandlerFunc, path, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://kagg.invalid"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := inprocess.RoundTripper(handler).RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d: %s", path, resp.StatusCode, firstLine(body))
	}
	return body, err
}

// WithoutLocal returns the snapshot as it were if the local APIs did not exist:
// its documents are merged from those of backends alone. All else is the same.
func (s *Snapshot) WithoutLocal() *Snapshot {
	next := *s
	remote := slices.DeleteFunc(slices.Clone(s.discovery.inputs), func(in discoverymerge.Input) bool { return in.Local })
	next.discovery = newDiscoveryDocument(remote)
	next.openAPI = newOpenAPIDocuments(s.openAPI.remote, &localAPIs{openAPI: func() []openapimerge.Input { return nil }}, nil)
	return &next
}

// UnrecordedError tells of an OpenAPI v3 document that the index has and the
// recording has not.
type UnrecordedError struct {
	// Key is that of the index.
	Key string
	// Owner is who serves it.
	Owner openapimerge.Owner
	// Reason says why it could not be recorded, where that is known.
	Reason string
}

// Error says who would have the document.
func (e *UnrecordedError) Error() string {
	text := fmt.Sprintf("the recording has no document of %s, which %s serves", e.Key, e.Owner.Backend)
	if e.Reason != "" {
		text += " (" + e.Reason + ")"
	}
	return text
}

// OpenAPIV3JSON returns what /openapi/v3/KEY answers in JSON for a key of the
// index of s, which is the replay's own snapshot or one WithoutLocal: what the
// owner said, or the conversion of its OpenAPI v2. The error is an
// *UnrecordedError where nobody recorded what it said.
func (r *Replay) OpenAPIV3JSON(s *Snapshot, key string) ([]byte, error) {
	owner, known := s.OpenAPIV3().Owners[key]
	if !known {
		return nil, fmt.Errorf("the index of /openapi/v3 has no %q", key)
	}
	if owner.Converted {
		return s.OpenAPIV3().Conversions[key].JSON, nil
	}
	var document []byte
	reason := ""
	if owner.Local {
		document = r.localV3(owner.APIService, key)
	} else {
		a := s.inputs.registry.keys[owner.APIService]
		if b := assign(r.Recording.Backends, s.inputs.registry)[a]; b != nil {
			document = b.OpenAPIV3[key]
		}
		if condition := s.Conditions[owner.APIService]; condition.Reason != "" && condition.Status != "True" {
			reason = condition.Reason + ": " + condition.Message
		}
	}
	if document == nil {
		return nil, &UnrecordedError{Key: key, Owner: owner, Reason: reason}
	}
	return document, nil
}

func (r *Replay) localV3(delegate, key string) []byte {
	switch {
	case r.Recording.Local == nil:
		return nil
	case delegate == customDelegate:
		return r.Recording.Local.CustomResources.OpenAPIV3[key]
	}
	return r.Recording.Local.OpenAPIV3[key]
}

// OpenAPIV3Keys returns the keys of the index, sorted.
func (s *Snapshot) OpenAPIV3Keys() []string {
	return slices.Sorted(maps.Keys(s.OpenAPIV3().Index.Paths))
}

// OpenAPIV3Key reads a key of the index as people write it: the key itself, or
// the path at which its document is served.
func OpenAPIV3Key(written string) string {
	path, _, _ := strings.Cut(written, "?")
	return strings.Trim(strings.TrimPrefix(strings.TrimPrefix(path, "/"), "openapi/v3/"), "/")
}

// OpenAPIV3 is the merged OpenAPI v3 as one document: the index, and what the
// backends own of what it names.
type OpenAPIV3 struct {
	// Paths is the member of that name of what /openapi/v3 answers, as it is there.
	Paths json.RawMessage
	// Documents are those of the keys that backends own, the converted ones too,
	// as they are served.
	Documents map[string][]byte
	// Unrecorded are the keys that backends own without a document in the
	// recording, sorted.
	Unrecorded []*UnrecordedError
}

// OpenAPIV3 returns the merged OpenAPI v3 of s, which is the replay's own
// snapshot or one WithoutLocal.
func (r *Replay) OpenAPIV3(s *Snapshot) (*OpenAPIV3, error) {
	index, err := s.OpenAPIV3IndexJSON()
	if err != nil {
		return nil, err
	}
	out := &OpenAPIV3{Documents: map[string][]byte{}}
	parts := map[string]json.RawMessage{}
	if err := json.Unmarshal(index, &parts); err != nil {
		return nil, err
	}
	out.Paths = parts["paths"]
	for _, key := range s.OpenAPIV3Keys() {
		if s.OpenAPIV3().Owners[key].Local {
			continue
		}
		document, err := r.OpenAPIV3JSON(s, key)
		if lacks, ok := errors.AsType[*UnrecordedError](err); ok {
			out.Unrecorded = append(out.Unrecorded, lacks)
			continue
		}
		if err != nil {
			return nil, err
		}
		out.Documents[key] = document
	}
	return out, nil
}

// Encode writes the members "paths" and "documents", keys sorted, and everything
// in them byte by byte as it is served: encoding/json would write it anew.
func (o *OpenAPIV3) Encode() ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(`{"paths":`)
	out.Write(o.Paths)
	out.WriteString(`,"documents":{`)
	for i, key := range slices.Sorted(maps.Keys(o.Documents)) {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		out.Write(name)
		out.WriteByte(':')
		out.Write(bytes.TrimSpace(o.Documents[key]))
	}
	out.WriteString("}}")
	return out.Bytes(), nil
}

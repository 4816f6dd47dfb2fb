package parity

import (
	"encoding/json"
	"fmt"
	"mime"
	"slices"
	"strings"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	openapi_v3 "github.com/google/gnostic-models/openapiv3"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
)

// parse makes a document of maps and lists of an answer's body: JSON, CBOR and OpenAPI's protobuf. ok is
// false for what is no document.
func parse(a answered, names *strings.Replacer) (document any, ok bool) {
	media, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	body := a.body
	switch {
	case strings.Contains(media, "openapi.spec.v2") && strings.Contains(media, "protobuf"), strings.Contains(a.header.Get("Content-Type"), "spec.v2@v1.0+protobuf"):
		doc := &openapi_v2.Document{}
		return rawDocument(body, doc, doc.ToRawInfo, names)
	case strings.Contains(a.header.Get("Content-Type"), "spec.v3@v1.0+protobuf"):
		doc := &openapi_v3.Document{}
		return rawDocument(body, doc, doc.ToRawInfo, names)
	case strings.HasSuffix(media, "cbor"):
		err = direct.Unmarshal(body, &document)
		return normalize(document, names), err == nil
	}
	if err != nil || json.Unmarshal(body, &document) != nil {
		return nil, false
	}
	return normalize(document, names), true
}

// rawDocument makes of OpenAPI's protobuf what its JSON says.
func rawDocument(data []byte, into proto.Message, raw func() *yaml.Node, names *strings.Replacer) (any, bool) {
	if proto.Unmarshal(data, into) != nil {
		return nil, false
	}
	var document any
	if raw().Decode(&document) != nil {
		return nil, false
	}
	text, err := json.Marshal(document)
	if err != nil || json.Unmarshal(text, &document) != nil {
		return nil, false
	}
	return normalize(document, names), true
}

// normalize takes out what is new each time.
func normalize(v any, names *strings.Replacer) any {
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			if _, isText := item.(string); slices.Contains(ephemeralFields, key) && (isText || key == "managedFields") {
				delete(v, key)
				continue
			}
			v[key] = normalize(item, names)
		}
	case []any:
		for i := range v {
			v[i] = normalize(v[i], names)
		}
	case string:
		return named(v, names)
	}
	return v
}

// places is a cmp.Reporter that lists the smallest unequal parts.
type places struct {
	path  cmp.Path
	found []place
}

type place struct{ where, real, kagg string }

// PushStep implements cmp.Reporter.
func (p *places) PushStep(s cmp.PathStep) { p.path = append(p.path, s) }

// PopStep implements cmp.Reporter.
func (p *places) PopStep() { p.path = p.path[:len(p.path)-1] }

// Report implements cmp.Reporter.
func (p *places) Report(r cmp.Result) {
	if r.Equal() {
		return
	}
	x, y := p.path.Last().Values()
	text := func(valid bool, v func() any) string {
		if !valid {
			return "(nothing)"
		}
		return encoded(v())
	}
	p.found = append(p.found, place{
		where: jsonPath(p.path),
		real:  text(x.IsValid(), x.Interface),
		kagg:  text(y.IsValid(), y.Interface),
	})
}

func jsonPath(path cmp.Path) string {
	var b strings.Builder
	for _, s := range path {
		switch s := s.(type) {
		case cmp.MapIndex:
			_, _ = fmt.Fprintf(&b, ".%v", s.Key())
		case cmp.SliceIndex:
			x, y := s.SplitKeys()
			_, _ = fmt.Fprintf(&b, "[%d]", max(x, y))
		}
	}
	return b.String()
}

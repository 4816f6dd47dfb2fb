package openapimerge

import (
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"

	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// DecodeV2 decodes an OpenAPI v2 document from JSON.
func DecodeV2(data []byte) (*spec.Swagger, error) {
	doc := &spec.Swagger{}
	if err := doc.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("decode OpenAPI v2 document of %d bytes: %w", len(data), steady(err))
	}
	return doc, nil
}

// DecodeV3 decodes one document of OpenAPI v3 from JSON.
func DecodeV3(data []byte) (*spec3.OpenAPI, error) {
	doc := &spec3.OpenAPI{}
	if err := json.Unmarshal(data, doc); err != nil {
		return nil, fmt.Errorf("decode OpenAPI v3 document of %d bytes: %w", len(data), steady(err))
	}
	return doc, nil
}

// steadyError is an error in words that are the same in every process.
type steadyError struct {
	error
	text string
}

func (e steadyError) Error() string { return e.text }

func (e steadyError) Unwrap() error { return e.error }

// steady undoes that kube-openapi's decoder says "cannot" in one process and "unable to" in the next.
func steady(err error) error {
	return steadyError{err, strings.Replace(err.Error(), "json: unable to ", "json: cannot ", 1)}
}

// DecodeV3Index decodes the index that /openapi/v3 answers, from JSON.
func DecodeV3Index(data []byte) (*handler3.OpenAPIV3Discovery, error) {
	index := &handler3.OpenAPIV3Discovery{}
	if err := json.Unmarshal(data, index); err != nil {
		return nil, fmt.Errorf("decode OpenAPI v3 index of %d bytes: %w", len(data), err)
	}
	return index, nil
}

// EncodeV2JSON encodes an OpenAPI v2 document as kube-openapi's handler does, keys sorted. Nothing is
// pruned: apiservers strip defaults from their own definitions before they serve them.
func EncodeV2JSON(doc *spec.Swagger) ([]byte, error) {
	data, err := doc.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode OpenAPI v2 document: %w", err)
	}
	return data, nil
}

// EncodeV3JSON encodes an OpenAPI v3 document as kube-openapi's handler3 does, keys sorted.
func EncodeV3JSON(doc *spec3.OpenAPI) ([]byte, error) {
	// Not doc.MarshalJSON: json.Marshal also escapes HTML, and the hash is over those bytes.
	data, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode OpenAPI v3 document: %w", err)
	}
	return data, nil
}

// EncodeV3Index encodes an /openapi/v3 index, keys sorted.
func EncodeV3Index(index *handler3.OpenAPIV3Discovery) ([]byte, error) {
	data, err := json.Marshal(index)
	if err != nil {
		return nil, fmt.Errorf("encode OpenAPI v3 index: %w", err)
	}
	return data, nil
}

// Hash is the hash that kube-openapi's handlers give to a document, over its JSON: the ETag (there in double
// quotes) of every form of it, and the hash parameter in an /openapi/v3 index.
func Hash(jsonData []byte) string {
	if jsonData == nil {
		return ""
	}
	return fmt.Sprintf("%X", sha512.Sum512(jsonData))
}

// LocalETag is the ETag that the kube-aggregator gives to a v2 document that came without one. The prefix
// keeps it from being sent to the backend (downloader.go, etagFor).
func LocalETag(data []byte) string {
	return fmt.Sprintf("\"6E8F849B434D4B98A569B9D7718876E9-%X\"", sha512.Sum512(data))
}

// V3URL is the serverRelativeURL of an index entry: the document's path with its hash, under which clients
// may cache it for ever (handler3, constructServerRelativeURL).
func V3URL(key, hash string) string {
	u := url.URL{Path: path.Join("/openapi/v3", key), RawQuery: url.Values{"hash": {hash}}.Encode()}
	return u.String()
}

package misbehaving

import (
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

//go:embed openapi-v2.json
var openAPIV2 []byte

//go:embed openapi-v3.json
var openAPIV3 []byte

// verbs are what can be done with ships.
func (h *handler) verbs() []string {
	if h.faults[LikeMetrics] {
		return []string{"get", "list"}
	}
	return []string{"create", "delete", "get", "list", "watch"}
}

// aggregated answers /apis.
func (h *handler) aggregated(w http.ResponseWriter, r *http.Request) {
	h.slow(r)
	switch {
	case h.faults[AggregatedNotFound]:
		refuse(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource")
	case h.faults[AggregatedNotAcceptable]:
		refuse(w, http.StatusNotAcceptable, "NotAcceptable", "only application/json is served")
	case h.faults[AggregatedUnavailable]:
		refuse(w, http.StatusServiceUnavailable, "ServiceUnavailable", "not ready yet")
	case h.faults[AggregatedHangs]:
		h.hang(r)
	case h.faults[AggregatedLegacyList], !strings.Contains(r.Header.Get("Accept"), "as=APIGroupDiscoveryList"):
		version := map[string]any{"groupVersion": Group + "/" + Version, "version": Version}
		reply(w, http.StatusOK, map[string]any{
			"kind": "APIGroupList", "apiVersion": "v1",
			"groups": []any{map[string]any{"name": Group, "versions": []any{version}, "preferredVersion": version}},
		})
	case h.faults[AggregatedOtherKind]:
		h.document(w, r, aggregatedType, encode(map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"}), true)
	default:
		h.document(w, r, aggregatedType, encode(h.aggregatedDocument()), !h.faults[NoETagDiscovery])
	}
}

func (h *handler) aggregatedDocument() map[string]any {
	return map[string]any{
		"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": map[string]any{},
		"items": []any{map[string]any{
			"metadata": map[string]any{"name": Group},
			"versions": []any{map[string]any{
				"version": Version, "freshness": "Current",
				"resources": []any{map[string]any{
					"resource": "ships", "scope": "Namespaced", "singularResource": "ship", "shortNames": []string{"sh"},
					"responseKind": map[string]any{"group": Group, "version": Version, "kind": "Ship"}, "verbs": h.verbs(),
				}},
			}},
		}},
	}
}

// legacy answers /apis/GROUP/VERSION.
func (h *handler) legacy(w http.ResponseWriter, r *http.Request) {
	h.slow(r)
	short, verbs := []string{"sh"}, h.verbs()
	if h.faults[LegacyDiffers] {
		short, verbs = []string{"boat"}, []string{"create", "get", "list"}
	}
	if h.faults[LegacyOrdersOtherwise] {
		slices.Reverse(verbs)
	}
	reply(w, http.StatusOK, map[string]any{
		"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": Group + "/" + Version,
		"resources": []any{map[string]any{
			"name": "ships", "singularName": "ship", "namespaced": true, "kind": "Ship", "shortNames": short, "verbs": verbs,
		}},
	})
}

func (h *handler) openAPIV2(w http.ResponseWriter, r *http.Request) {
	switch {
	case h.faults[NoOpenAPI]:
		refuse(w, http.StatusNotFound, "NotFound", "there is no OpenAPI")
	case h.faults[OpenAPIHangs]:
		h.hang(r)
	case h.faults[AnswersCut]:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(openAPIV2)))
		_, _ = w.Write(openAPIV2[:100])
		panic(http.ErrAbortHandler)
	default:
		h.document(w, r, "application/json", openAPIV2, !h.faults[NoETagOpenAPIV2])
	}
}

func (h *handler) openAPIV3(w http.ResponseWriter, r *http.Request) {
	if h.faults[NoOpenAPI] {
		refuse(w, http.StatusNotFound, "NotFound", "there is no OpenAPI")
		return
	}
	key := strings.TrimPrefix(versionPath, "/")
	h.document(w, r, "application/json", encode(map[string]any{"paths": map[string]any{
		key: map[string]any{"serverRelativeURL": fmt.Sprintf("/openapi/v3/%s?hash=%X", key, sha256.Sum256(openAPIV3))},
	}}), !h.faults[NoETagOpenAPIV3])
}

func (h *handler) openAPIV3Version(w http.ResponseWriter, r *http.Request) {
	h.document(w, r, "application/json", openAPIV3, true)
}

// document answers with a document and its ETag, as k8s.io/apiserver does.
func (h *handler) document(w http.ResponseWriter, r *http.Request, contentType string, body []byte, tagged bool) {
	if h.faults[ETagStays] || h.faults[ContentChanges] {
		body = append(body[:len(body)-1:len(body)-1], fmt.Sprintf(`,"x-asked":%d}`, h.asked.Load())...)
	}
	etag := fmt.Sprintf("%q", fmt.Sprintf("%X", sha256.Sum256(body)))
	if h.faults[ETagChanges] {
		etag = fmt.Sprintf("%q", strconv.FormatInt(h.asked.Load(), 10))
	}
	if h.faults[ETagStays] {
		etag = `"always"`
	}
	w.Header().Set("Content-Type", contentType)
	if tagged {
		w.Header().Set("Etag", etag)
		if r.Header.Get("If-None-Match") == etag && !h.faults[IgnoresIfNoneMatch] {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	_, _ = w.Write(body) // fails only when the client is gone
}

// slow takes the time that discovery takes.
func (h *handler) slow(r *http.Request) {
	if h.faults[SlowDiscovery] || h.faults[SlowAtTimes] && h.slept.Add(1)%2 == 1 {
		h.sleep(r, 1200*time.Millisecond)
	}
}

// encode is for values that can always be encoded.
func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

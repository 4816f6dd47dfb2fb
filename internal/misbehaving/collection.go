package misbehaving

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// collection lists or watches.
func (h *handler) collection(w http.ResponseWriter, r *http.Request) {
	if watch := r.URL.Query().Get("watch"); watch == "true" || watch == "1" {
		if h.faults[WatchAnswersList] {
			h.list(w, r)
			return
		}
		h.watch(w, r)
		return
	}
	switch {
	case h.faults[ListFails]:
		refuse(w, http.StatusInternalServerError, "InternalError", "the ships cannot be counted")
	case h.faults[ListHangs]:
		h.hang(r)
	default:
		h.list(w, r)
	}
}

func (h *handler) list(w http.ResponseWriter, r *http.Request) {
	ships, version := h.fleet.list()
	metadata := map[string]any{"resourceVersion": h.faults.versionText(version)}
	if h.faults[ListWithoutResourceVersion] || h.faults[LikeMetrics] {
		delete(metadata, "resourceVersion")
	}
	ships, refused := h.page(ships, metadata, r)
	if refused {
		refuse(w, http.StatusBadRequest, "BadRequest", "the continue token is not understood")
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "as=Table") {
		if h.faults[TableRefused] {
			refuse(w, http.StatusNotAcceptable, "NotAcceptable", "only application/json is served")
			return
		}
		if !h.faults[NoTable] {
			reply(w, http.StatusOK, h.table(ships, metadata))
			return
		}
	}
	items := make([]any, 0, len(ships))
	for _, s := range ships {
		items = append(items, s.object(h.faults))
	}
	reply(w, http.StatusOK, map[string]any{
		"apiVersion": Group + "/" + Version, "kind": "ShipList", "metadata": metadata, "items": items,
	})
}

// page cuts the list to what limit and continue ask for, and notes in the metadata how it goes on.
func (h *handler) page(ships []ship, metadata map[string]any, r *http.Request) ([]ship, bool) {
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	after := r.URL.Query().Get("continue")
	if h.faults[ContinueRefused] && after != "" {
		return nil, true
	}
	if h.faults[LimitIgnored] {
		return ships, false
	}
	if after != "" && !h.faults[LimitRepeats] {
		ships = slices.DeleteFunc(ships, func(s ship) bool { return s.name <= after })
	}
	if limit <= 0 || limit >= len(ships) {
		return ships, false
	}
	if !h.faults[LimitCuts] {
		metadata["continue"] = ships[limit-1].name
		metadata["remainingItemCount"] = len(ships) - limit
	}
	return ships[:limit], false
}

func (h *handler) table(ships []ship, metadata map[string]any) map[string]any {
	rows := make([]any, 0, len(ships))
	for _, s := range ships {
		object := s.object(h.faults)
		rows = append(rows, map[string]any{
			"cells":  []any{s.name, s.spec["masts"]},
			"object": map[string]any{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]},
		})
	}
	return map[string]any{
		"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "rows": rows,
		"columnDefinitions": []any{
			map[string]any{"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0},
			map[string]any{"name": "Masts", "type": "integer", "format": "", "description": "", "priority": 0},
		},
	}
}

func (h *handler) get(w http.ResponseWriter, r *http.Request) {
	ships, _ := h.fleet.list()
	i := slices.IndexFunc(ships, func(s ship) bool { return s.name == r.PathValue("name") })
	if i < 0 {
		h.notFound(w, r)
		return
	}
	reply(w, http.StatusOK, ships[i].object(h.faults))
}

func (h *handler) notFound(w http.ResponseWriter, r *http.Request) {
	refuse(w, http.StatusNotFound, "NotFound", "ships."+Group+" \""+r.PathValue("name")+"\" not found")
}

// body is a ship as it is sent.
type body struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec map[string]any `json:"spec"`
}

func (h *handler) create(w http.ResponseWriter, r *http.Request) {
	var fields map[string]json.RawMessage
	var sent body
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	err := decoder.Decode(&fields)
	if err == nil {
		err = json.Unmarshal(encode(fields), &sent)
	}
	if err != nil || sent.Metadata.Name == "" || sent.Spec == nil {
		refuse(w, http.StatusUnprocessableEntity, "Invalid", "a ship needs a metadata.name and a spec")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		known := slices.Contains([]string{"apiVersion", "kind", "metadata", "spec"}, name)
		if !known && r.URL.Query().Get("fieldValidation") == "Strict" && !h.faults[UnknownFieldsIgnored] {
			refuse(w, http.StatusBadRequest, "BadRequest", "strict decoding error: unknown field \""+name+"\"")
			return
		}
	}
	s := ship{namespace: r.PathValue("namespace"), name: sent.Metadata.Name, spec: sent.Spec}
	if r.URL.Query().Get("dryRun") != "All" || h.faults[DryRunIgnored] {
		if !h.fleet.add(s.namespace, s.name, s.spec) {
			refuse(w, http.StatusConflict, "AlreadyExists", "ships."+Group+" \""+s.name+"\" already exists")
			return
		}
	}
	reply(w, http.StatusCreated, s.object(h.faults))
}

func (h *handler) remove(w http.ResponseWriter, r *http.Request) {
	if !h.fleet.remove(r.PathValue("name")) {
		h.notFound(w, r)
		return
	}
	reply(w, http.StatusOK, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"})
}

package misbehaving

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// watching is one watch.
type watching struct {
	*handler
	w http.ResponseWriter
	// from is the version after which events are sent.
	from int
}

func (h *handler) watch(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	initial := query.Get("sendInitialEvents") == "true"
	asked := query.Get("resourceVersion")
	from, err := strconv.Atoi(strings.TrimPrefix(asked, "v-"))
	fresh := asked == "" || asked == "0"
	switch {
	case err != nil && !fresh:
		refuse(w, http.StatusBadRequest, "BadRequest", "invalid resource version")
		return
	case h.faults[WatchRefused] || h.faults[LikeMetrics]:
		refuse(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "ships cannot be watched")
		return
	case h.faults[InitialEventsRefused] && initial:
		refuse(w, http.StatusUnprocessableEntity, "Invalid", "sendInitialEvents is forbidden for watch")
		return
	case h.faults[WatchExpiredAtOnce] && !fresh:
		refuse(w, http.StatusGone, "Expired", "too old resource version")
		return
	}
	ctx := r.Context()
	if seconds, err := strconv.Atoi(query.Get("timeoutSeconds")); err == nil && seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
		defer cancel()
	}
	s := &watching{handler: h, w: w, from: from}
	w.Header().Set("Content-Type", "application/json")
	if !h.faults[WatchSilent] {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
	}
	if s.begin(initial, fresh) {
		s.follow(ctx)
	}
}

// begin sends what a watch begins with, and tells whether it goes on.
func (s *watching) begin(initial, fresh bool) bool {
	f := s.faults
	ships, version := s.fleet.list()
	old := !fresh && !initial && s.from < firstVersion
	switch {
	case f[InitialEventsErrorEvent] && initial:
		s.send("ERROR", map[string]any{
			"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "message": "no initial events", "code": 422,
		})
		return false
	case old && !f[OldVersionReplayed] && !f[OldVersionSilent]:
		s.send("ERROR", map[string]any{
			"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "message": "too old resource version", "code": 410,
		})
		return false
	case f[WatchReplays] && !old, initial, fresh:
		for _, one := range ships {
			s.send("ADDED", one.object(f))
		}
		s.from = version
	case old && f[OldVersionSilent]:
		s.from = version
	}
	if f[BookmarkUnasked] && !initial {
		s.bookmark(version, nil)
	}
	if initial && f[InitialEventsCut] {
		return false
	}
	if initial && !f[InitialEventsWithoutBookmark] {
		s.bookmark(version, map[string]any{"k8s.io/initial-events-end": "true"})
	}
	return true
}

// follow sends what happens until ctx ends.
func (s *watching) follow(ctx context.Context) {
	for {
		changes, changed := s.fleet.since(s.from)
		for _, c := range changes {
			s.send(c.kind, c.ship.object(s.faults))
			s.from = c.ship.version
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-s.stop:
			return
		}
	}
}

func (s *watching) bookmark(version int, annotations map[string]any) {
	metadata := map[string]any{"creationTimestamp": nil, "resourceVersion": s.faults.versionText(version)}
	if annotations != nil {
		metadata["annotations"] = annotations
	}
	if s.faults[BookmarkWithoutVersion] {
		delete(metadata, "resourceVersion")
	}
	kind := "Ship"
	if s.faults[BookmarkOfOtherKind] {
		kind = "Bookmark"
	}
	s.send("BOOKMARK", map[string]any{"apiVersion": Group + "/" + Version, "kind": kind, "metadata": metadata})
}

// send writes an event. It fails only when the client is gone, which ctx tells.
func (s *watching) send(kind string, object map[string]any) {
	_, _ = s.w.Write(append(encode(map[string]any{"type": kind, "object": object}), '\n'))
	_ = http.NewResponseController(s.w).Flush()
}

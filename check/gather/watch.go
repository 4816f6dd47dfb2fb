package gather

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/kagg-project/kagg/check"
)

// maxEvents bounds the events that are noted of one watch, and maxWatch what is read of it, in bytes.
const (
	maxEvents = 100
	maxWatch  = 16 << 20
)

// initialEventsEnd is the annotation of the bookmark that ends the initial events.
const initialEventsEnd = "k8s.io/initial-events-end"

// watches begins the watches, each by its own clock.
func (b *behaviour) watches(ctx context.Context, all *sync.WaitGroup) {
	if b.resource.List.ResourceVersion != "" {
		all.Go(func() {
			query := "watch=true&timeoutSeconds=60&resourceVersion=" + url.QueryEscape(b.resource.List.ResourceVersion)
			b.resource.Watch = b.watch(ctx, query, b.Settle, func(check.Event) bool { return false })
		})
	}
	all.Go(func() {
		const query = "watch=true&timeoutSeconds=60&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
		b.resource.InitialEvents = b.watch(ctx, query, b.Patience, func(e check.Event) bool {
			return e.InitialEventsEnd || e.Type == "ERROR"
		})
	})
	if b.resource.List.Newer {
		all.Go(func() {
			b.resource.Old = b.watch(ctx, "watch=true&timeoutSeconds=60&resourceVersion=1", b.Timeout, func(check.Event) bool { return true })
		})
	}
}

// watch listens for as long, or until an event is the last that matters. It returns nil when ctx ends.
func (b *behaviour) watch(ctx context.Context, query string, long time.Duration, last func(check.Event) bool) *check.Watch {
	out := &check.Watch{Query: query}
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.AfterFunc(b.Timeout, cancel)
	defer timer.Stop()
	req, err := b.admin.make(bounded, request{path: b.resource.Path, query: query})
	if err != nil {
		return nil
	}
	resp, err := b.admin.rt.RoundTrip(req)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		if out.Hung = bounded.Err() != nil; out.Hung {
			out.Failure = "no headers within " + b.Timeout.String()
		} else {
			out.Failure = oneLine(err.Error())
		}
		return out
	}
	defer func() { _ = resp.Body.Close() }() // the stream is not read to its end
	timer.Reset(long)
	out.Status, out.ContentType = resp.StatusCode, resp.Header.Get("Content-Type")
	body := io.LimitReader(resp.Body, maxWatch)
	if out.Status != 200 {
		data, _ := io.ReadAll(body) // what was cut says less
		out.Kind, out.Message = describe(out.Status, data)
		return out
	}
	b.listen(bounded, body, out, last)
	if ctx.Err() != nil {
		return nil
	}
	return out
}

// listen notes events until the stream ends, ctx does, or an event is the last.
func (b *behaviour) listen(ctx context.Context, body io.Reader, out *check.Watch, last func(check.Event) bool) {
	decoder := json.NewDecoder(body)
	for {
		var event struct {
			Kind   string          `json:"kind"`
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		err := decoder.Decode(&event)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, io.EOF):
			out.Ended = true
			return
		case err != nil:
			out.Broken = oneLine(err.Error())
			return
		case event.Type == "":
			out.Broken = strings.TrimSpace("an object of kind " + event.Kind + " instead of events")
			return
		}
		e := b.event(event.Type, event.Object)
		if len(out.Events) < maxEvents {
			out.Events = append(out.Events, e)
		}
		if last(e) {
			return
		}
	}
}

func (b *behaviour) event(eventType string, object json.RawMessage) check.Event {
	var o struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Code       int    `json:"code"`
		item
	}
	_ = json.Unmarshal(object, &o) // what is no object has no kind
	e := check.Event{
		Type: eventType, Kind: strings.TrimSpace(o.APIVersion + " " + o.Kind), Name: o.id(), ResourceVersion: o.Metadata.ResourceVersion,
		InitialEventsEnd: o.Metadata.Annotations[initialEventsEnd] == "true",
	}
	if o.Kind == "Status" {
		e.Code = o.Code
	}
	for i := range b.items {
		if b.items[i].id() == e.Name && b.items[i].Metadata.ResourceVersion == e.ResourceVersion {
			e.Listed = true
		}
	}
	return e
}

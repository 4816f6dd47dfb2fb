package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Documents that a client asks for, and how.
const (
	discoveryPath = "/apis"
	openAPIPath   = "/openapi/v2"
)

// follower asks for a document again and again, and has it sent when it changed.
type follower struct {
	server *server
	path   string
	accept string
	etag   string
	body   []byte
}

func newDiscoveryFollower(s *server) *follower {
	return &follower{server: s, path: discoveryPath, accept: aggregatedMedia}
}

func newOpenAPIFollower(s *server) *follower {
	return &follower{server: s, path: openAPIPath, accept: "application/json"}
}

// look asks for the document and tells whether it changed.
func (f *follower) look(ctx context.Context) (bool, error) {
	headers := []string{"Accept", f.accept, "Accept-Encoding", "gzip"}
	if f.etag != "" {
		headers = append(headers, "If-None-Match", f.etag)
	}
	got, err := get(ctx, f.server.client, f.server.url+f.path, headers...)
	if err != nil {
		return false, err
	}
	switch got.status {
	case http.StatusNotModified:
		return false, nil
	case http.StatusOK:
	default:
		return false, nil // not there yet
	}
	if bytes.HasPrefix(got.body, []byte{0x1f, 0x8b}) {
		if got.body, err = gunzip(got.body); err != nil {
			return false, err
		}
	}
	f.etag, f.body = got.etag, got.body
	return true, nil
}

func gunzip(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// discovered counts the groups of the bench that aggregated discovery lists in full.
func discovered(body []byte) int {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Versions []struct {
				Freshness string
				Resources []json.RawMessage
			}
		}
	}
	if json.Unmarshal(body, &list) != nil {
		return 0
	}
	n := 0
	for _, item := range list.Items {
		if strings.HasSuffix(item.Metadata.Name, ".bench.example") && len(item.Versions) == 1 &&
			item.Versions[0].Freshness == "Current" && len(item.Versions[0].Resources) >= resourcesEach {
			n++
		}
	}
	return n
}

// described counts the groups of the bench that an OpenAPI v2 document has paths of.
func described(body []byte) int {
	const prefix, suffix = `"/apis/g`, ".bench.example/v1/"
	seen := map[string]bool{}
	for {
		i := bytes.Index(body, []byte(prefix))
		if i < 0 {
			return len(seen)
		}
		body = body[i+len(prefix):]
		if len(body) > 4+len(suffix) && string(body[4:4+len(suffix)]) == suffix {
			if _, err := strconv.Atoi(string(body[:4])); err == nil {
				seen[string(body[:4])] = true
			}
		}
	}
}

// sample is what merging the documents of a number of APIServices took.
type sample struct {
	groups int
	took   value // seconds
	cpu    value // seconds
	most   value // bytes
	rest   value // CPU per second afterwards
}

// merge starts a server with n APIServices and waits until all are merged: in aggregated discovery, and in the
// OpenAPI document, which is asked for once the server calls itself ready, and not so often that the asking would
// be what is measured. At limit it gives up, and what it has then is a lower bound.
func (r *rig) merge(ctx context.Context, start func(context.Context, objects) (*server, error), o objects, n int, limit time.Duration) (*server, sample, error) {
	s, err := start(ctx, o)
	if err != nil {
		return nil, sample{}, err
	}
	discovery, openAPI := newDiscoveryFollower(s), newOpenAPIFollower(s)
	out := sample{groups: n}
	for _, part := range []struct {
		follower *follower
		count    func([]byte) int
	}{{discovery, discovered}, {openAPI, described}} {
		for pause := 20 * time.Millisecond; ; time.Sleep(pause) {
			begun := time.Now()
			changed, err := part.follower.look(ctx)
			if err := errorOr(s.check(), ctx.Err()); err != nil {
				return nil, out, err
			}
			if err == nil && changed && part.count(part.follower.body) >= n {
				break
			}
			if out.took.bound = time.Since(s.begun) > limit; out.took.bound {
				break
			}
			pause = min(max(pause, 4*time.Since(begun)), 5*time.Second)
		}
	}
	bound := out.took.bound
	out.took = value{time.Since(s.begun).Seconds(), true, bound}
	used, err := s.cpu()
	if err != nil {
		return nil, out, err
	}
	_, most, err := s.resident()
	out.cpu, out.most = value{used.Seconds(), true, bound}, value{most, true, bound}
	r.say("   %s, %d APIServices: %s, CPU %s, memory %s", s.name, n, out.took.in(asTime), out.cpu.in(asTime), out.most.in(asMemory))
	return s, out, err
}

func errorOr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// atRest is the CPU that a server uses in a second in which nobody asks it.
func atRest(ctx context.Context, s *server, d time.Duration) (value, error) {
	before, err := s.cpu()
	if err != nil {
		return value{}, err
	}
	select {
	case <-ctx.Done():
		return value{}, ctx.Err()
	case <-time.After(d):
	}
	after, err := s.cpu()
	if err != nil {
		return value{}, fmt.Errorf("%s: %w", s.name, err)
	}
	return known((after - before).Seconds() / d.Seconds()), nil
}

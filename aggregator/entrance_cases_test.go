package aggregator

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"

	"k8s.io/apiserver/pkg/warning"
)

// entranceCase is one request, and how its handler behaves.
type entranceCase struct {
	name, method, uri string
	header            http.Header
	body              string
	// does is a name of behaviours.
	does string
}

// late tells whether the handler outlasts the request's time.
func (tc *entranceCase) late() bool { return strings.HasPrefix(tc.does, "too late") }

func entranceCases() []entranceCase {
	const things = "/apis/example.com/v1/namespaces/n/things"
	var cases []entranceCase
	add := func(method, uri, does string, header http.Header) {
		cases = append(cases, entranceCase{name: fmt.Sprintf("%s %s %s %v", method, uri, does, header), method: method, uri: uri, does: does, header: header})
	}
	for does := range behaviours {
		add("GET", things+"/a", does, nil)
		add("GET", "/api/v1/pods", does, nil)
		own := "30s"
		if (&entranceCase{does: does}).late() {
			own = "50ms"
		}
		add("GET", things+"/a?timeout="+own, does, nil)
	}
	for _, timeout := range []string{"timeout=1h", "timeout=0s", "timeout=-1s", "timeout=x", "timeout=5", "timeout=", "%74imeout=x", "timeout=30s&timeout=x", "timeout=%zz", "a=timeout", "timeout=9999999h", "timeoutSeconds=1", "timeout=1s;a=b"} {
		add("GET", things+"?"+timeout, "answer", nil)
		add("GET", things+"?watch=1&"+timeout, "answer", nil)
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND"} {
		add(method, things+"/a", "answer", nil)
		add(method, things, "warn", nil)
	}
	for _, uri := range []string{
		"/", "/apis", "/apis/", "/apis/example.com", "/apis/example.com/v1", "/healthz", "/version?timeout=x", "/api/v1/watch/pods", "/api/v1/watch", "/apis/example.com/v1/proxy/x",
		things + "/a/exec", things + "/a/log?follow=1", things + "/a/status", things + "?fieldSelector=metadata.name=x&watch=true", things + "//b", "/api/v1/namespaces/n/services/s/proxy/x",
		things + "?labelSelector=a%3Db&limit=5", things + "?watch=notabool", things + "?pretty=true&timeout=32s",
	} {
		add("GET", uri, "answer", nil)
	}
	add("GET", things, "answer", http.Header{"Audit-Id": {"given"}})
	add("GET", things, "answer", http.Header{"Audit-Id": {""}})
	add("GET", things, "answer", http.Header{"Audit-Id": {strings.Repeat("long", 40)}})
	add("GET", things, "answer", http.Header{"Authorization": {"Bearer t"}, "X-Remote-User": {"root"}})
	cases = append(cases, entranceCase{name: "with a body", method: "POST", uri: things, body: `{"a":1}`, does: "echo"})
	return cases
}

// behaviours are handlers behind the chain.
var behaviours = map[string]func(w http.ResponseWriter, req *http.Request){
	"answer": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Own", "1")
		w.Header().Add("Cache-Control", "public")
		w.Header().Add("Audit-Id", "the backend's")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Late", "1")
		_, _ = io.WriteString(w, "body")
	},
	"nothing": func(http.ResponseWriter, *http.Request) {},
	"echo":    func(w http.ResponseWriter, req *http.Request) { _, _ = io.Copy(w, req.Body) },
	"warn": func(w http.ResponseWriter, req *http.Request) {
		for i := range 3 {
			warning.AddWarning(req.Context(), "agent", fmt.Sprintf("careful %d", i%2))
		}
		warning.AddWarning(req.Context(), "", strings.Repeat("é\"\n", 300))
		_, _ = io.WriteString(w, "warned")
	},
	"panic":         func(http.ResponseWriter, *http.Request) { panic("of a test") },
	"panic, headed": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Own", "1"); panic("of a test") },
	"panic in the answer": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("of a test")
	},
	"break off": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	},
	"flush": func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		w.Header().Set("X-Late", "1")
		_, _ = io.WriteString(w, "flushed")
	},
	"early hints": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "x")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("X-Own", "1")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "late")
	},
	"trailers": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-A")
		_, _ = io.WriteString(w, "body")
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("X-A", "a")
		w.Header().Set(http.TrailerPrefix+"X-B", "b")
	},
	"too late": func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Own", "1")
		untilAnswered(w, req)
		http.Error(w, fmt.Sprint(req.Context().Err()), http.StatusBadGateway)
	},
	"too late, and panics": func(w http.ResponseWriter, req *http.Request) {
		untilAnswered(w, req)
		panic(http.ErrAbortHandler)
	},
	"too late within the answer": func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		untilAnswered(w, req)
		_, err := io.WriteString(w, "rest")
		if err == nil {
			panic("it wrote after its time")
		}
	},
	"too late, headers only": func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusOK)
		untilAnswered(w, req)
	},
}

// inTimeKey is the key of what is to be called when a late handler has done in time what it does before it is late.
type inTimeKey struct{}

// untilAnswered waits until the request's time is over and who watches it has answered, as it has when a handler hears
// of it by way of a backend: what the handler then puts into its headers goes nowhere.
func untilAnswered(w http.ResponseWriter, req *http.Request) {
	if inTime, ok := req.Context().Value(inTimeKey{}).(func()); ok && req.Context().Err() == nil {
		inTime()
	}
	<-req.Context().Done()
	const mark = "X-Not-Answered"
	for w.Header().Set(mark, "1"); w.Header().Get(mark) != ""; {
		runtime.Gosched()
	}
}

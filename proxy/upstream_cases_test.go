package proxy

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

type differentialCase struct {
	name   string
	method string
	uri    string // as it stands in the request line
	header http.Header
	body   string
	chunks bool // send the body without its length
	abort  bool // the answer breaks off
}

func differentialCases() []differentialCase {
	const things = "/apis/example.com/v1/things"
	cases := []differentialCase{
		{name: "watch", method: "GET", uri: things + "?watch=1"},
		{name: "post", method: "POST", uri: things, body: `{"a":1}`, header: http.Header{"Content-Type": {"application/json"}}},
		{name: "chunked put", method: "PUT", uri: things + "/a", body: strings.Repeat("x", 100_000), chunks: true},
		{name: "patch", method: "PATCH", uri: things + "/a?fieldManager=m&force=true", body: "{}"},
		{name: "delete", method: "DELETE", uri: things + "/a"},
		{name: "head", method: "HEAD", uri: things},
		{name: "options", method: "OPTIONS", uri: things},
		{name: "odd method", method: "PROPFIND", uri: things},
		{name: "no user agent", method: "GET", uri: things, header: http.Header{"User-Agent": nil}},
		{name: "spoofed identity", method: "GET", uri: things, header: http.Header{
			"X-Remote-User": {"root"}, "X-Remote-Group": {"system:masters"}, "X-Remote-Uid": {"0"}, "X-Remote-Extra-A": {"b"}, "Authorization": {"Bearer t"},
		}},
		{name: "forwarded", method: "GET", uri: things, header: http.Header{
			"X-Forwarded-For": {"1.1.1.1", "2.2.2.2"}, "Forwarded": {"for=3.3.3.3"}, "X-Forwarded-Host": {"h"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Uri": {"/u"},
		}},
		{name: "te trailers", method: "GET", uri: things, header: http.Header{"Te": {"trailers"}}},
		{name: "range", method: "GET", uri: things, header: http.Header{"Range": {"bytes=0-1"}, "If-None-Match": {`"x"`}}},
		{name: "cookies", method: "GET", uri: things, header: http.Header{"Cookie": {"a=b; c=d"}}},
		{name: "client takes gzip", method: "GET", uri: things + "?answer=gzip", header: http.Header{"Accept-Encoding": {"gzip"}}},
		{name: "client takes no encoding", method: "GET", uri: things + "?answer=gzip"},
		{name: "delete with options", method: "DELETE", uri: things + "/a", body: `{"propagationPolicy":"Orphan"}`},
		{name: "delete, known", method: "DELETE", uri: things + "/a?answer=known"},
		{name: "head, known", method: "HEAD", uri: things + "?answer=known"},
		{name: "many headers", method: "GET", uri: things, header: http.Header{"X-A": {"1", "2"}, "Warning": {"x"}, "Audit-Id": {"spoofed"}, "Kubectl-Session": {"s"}, "Accept": {"a", "b"}}},
		{name: "break off", method: "GET", uri: things + "?answer=abort", abort: true},
	}
	for _, uri := range []string{
		"/apis/example.com/v1", "/apis/example.com/v1/", things + "/", things + "/a%2Fb", things + "/a%2fb/c%20d", things + "/a%252Fb",
		things + "/%E2%98%83", things + "/a+b", things + "/a:b;c=d,e@f!$&'()*", things + "/%5Bx%5D%22%3C%3E", things + "//x//y", "//apis//v1", things + "/../y",
		things + "/a%3Fb%23c", things + "?", things + "?b=2&a=1&a=0&c", things + "?a=1;b=2", things + "?x=%zz&y=1", things + "?q=a+b%20c%2B&empty=",
		things + "?labelSelector=a%3Db%2Cc+in+%28d%29",
	} {
		cases = append(cases, differentialCase{name: "uri " + uri, method: "GET", uri: uri})
	}
	for _, a := range []string{"304", "302", "302-location", "307-location", "created", "html", "html-gzip", "cors", "trailers", "early", "204", "500", "known", "slow", "hop", "same-id", "large", "events", "surprise"} {
		cases = append(cases, differentialCase{name: "answer " + a, method: "GET", uri: things + "?answer=" + a})
	}
	return cases
}

// oddBackend answers what the query asks for.
func oddBackend(seen chan<- received) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		seen <- received{
			Method: req.Method, URI: req.RequestURI, Host: req.Host, Proto: req.Proto, Header: req.Header, Trailer: req.Trailer,
			Length: req.ContentLength, Encoding: req.TransferEncoding, Body: string(body),
		}
		h := w.Header()
		h.Set("X-Backend", "1")
		say := func(s string) { _, _ = io.WriteString(w, s) }
		switch req.URL.Query().Get("answer") {
		case "304":
			h.Set("Etag", `"1"`)
			w.WriteHeader(http.StatusNotModified)
		case "302":
			w.WriteHeader(http.StatusFound)
		case "302-location":
			h.Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusFound)
		case "307-location":
			http.Redirect(w, req, "https://evil.example/", http.StatusTemporaryRedirect)
		case "created":
			h.Set("Location", "/apis/example.com/v1/things/new")
			w.WriteHeader(http.StatusCreated)
		case "html":
			h.Set("Content-Type", "text/html; charset=utf-8")
			say(`<html><a href="/apis/x">x</a><img src="y.png"></html>`)
		case "html-gzip", "gzip":
			h.Set("Content-Type", map[string]string{"html-gzip": "text/html", "gzip": "application/json"}[req.URL.Query().Get("answer")])
			if !strings.Contains(req.Header.Get("Accept-Encoding"), "gzip") {
				say("<html>plain</html>")
				return
			}
			h.Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, `<html><a href="/apis/x">x</a></html>`)
			_ = z.Close()
		case "cors":
			h.Set("Access-Control-Allow-Origin", "*")
			h.Set("Access-Control-Allow-Methods", "GET")
			h.Set("Access-Control-Expose-Headers", "X")
		case "trailers":
			h.Set("Trailer", "X-A")
			say("body")
			flush(w)
			h.Set("X-A", "a")
			h.Set(http.TrailerPrefix+"X-B", "b")
		case "early":
			h.Set("Link", "x")
			w.WriteHeader(http.StatusEarlyHints)
			say("late")
		case "204":
			w.WriteHeader(http.StatusNoContent)
		case "500":
			http.Error(w, "the backend's own words", http.StatusInternalServerError)
		case "known":
			h.Set("Content-Length", "5")
			say("known")
		case "slow":
			say("a")
			flush(w)
			say("b")
		case "hop":
			h.Set("Keep-Alive", "1")
			h.Set("Proxy-Authenticate", "x")
			h.Set("Warning", `299 - "w"`)
			h["X-Multi"] = []string{"1", "2"}
			say("hop")
		case "same-id":
			h["Audit-Id"] = []string{testAuditID, "another"}
			h["Front"] = []string{"backend"}
			say("id")
		case "large":
			h.Set("Content-Length", "300000")
			say(strings.Repeat("x", 300_000))
		case "events":
			h.Set("Content-Type", "text/event-stream; charset=utf-8")
			say("data: x\n\n")
		case "surprise":
			say("body")
			flush(w)
			h.Set(http.TrailerPrefix+"X-B", "b")
		case "abort":
			say("half")
			flush(w)
			panic(http.ErrAbortHandler)
		default:
			say(strings.Repeat(req.Method, 1000))
		}
	}
}

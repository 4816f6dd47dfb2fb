package gather

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/transport"

	"github.com/kagg-project/kagg/check"
)

// maxBody bounds what is read of an answer, in bytes.
const maxBody = 64 << 20

// door is one way to a backend.
type door struct {
	rt   http.RoundTripper
	base string // "https://host:port", and a path where kagg is below one
	// user and groups are in whose name requests are made; "" for nobody's, or for whom rt says.
	user    string
	groups  []string
	timeout time.Duration
}

// as is the same door for somebody else.
func (d door) as(user string, groups ...string) door {
	d.user, d.groups = user, groups
	return d
}

// reply is an answer with its body.
type reply struct {
	check.Answer
	etag string
	body []byte
	// cut tells that the body is longer than what was read.
	cut  bool
	took time.Duration
	err  error
}

// request is what to ask for; the method is GET where none is given.
type request struct {
	method, path, query, accept, ifNoneMatch, token string
	body                                            []byte
}

func (d door) make(ctx context.Context, r request) (*http.Request, error) {
	if r.method == "" {
		r.method = http.MethodGet
	}
	target := d.base + r.path
	if r.query != "" {
		target += "?" + r.query
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.accept == "" {
		r.accept = "application/json"
	}
	req.Header.Set("Accept", r.accept)
	req.Header.Set("User-Agent", "kagg-check")
	if r.ifNoneMatch != "" {
		req.Header.Set("If-None-Match", r.ifNoneMatch)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if len(r.body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if d.user != "" {
		transport.SetAuthProxyHeaders(req, d.user, "", d.groups, nil)
	}
	return req, nil
}

// ask makes a request and reads its answer.
func (d door) ask(ctx context.Context, r request) reply {
	start := time.Now()
	bounded, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	req, err := d.make(bounded, r)
	if err != nil {
		return d.failed(ctx, err)
	}
	resp, err := d.rt.RoundTrip(req)
	if err != nil {
		return d.failed(ctx, err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	_ = resp.Body.Close() // it is read, or its error counts
	if err != nil {
		return d.failed(ctx, fmt.Errorf("the answer was cut: %w", err))
	}
	out := reply{etag: resp.Header.Get("Etag"), body: body, took: time.Since(start)}
	if len(body) > maxBody {
		out.body, out.cut = nil, true
	}
	out.Status, out.ContentType = resp.StatusCode, resp.Header.Get("Content-Type")
	out.Kind, out.Message = describe(out.Status, out.body)
	return out
}

// failed says why there is no answer. That nobody waits any longer, because of ctx, is no failure of the backend's:
// callers look at ctx.
func (d door) failed(ctx context.Context, err error) reply {
	out := reply{err: err}
	out.Failure = oneLine(err.Error())
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		out.Hung = true
		out.Failure = "no answer within " + d.timeout.String()
	}
	return out
}

// describe gives an object's kind, and what a refusal says.
func describe(status int, body []byte) (kind, message string) {
	var object struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Message    string `json:"message"`
	}
	if json.Unmarshal(body, &object) == nil && object.Kind != "" {
		kind = strings.TrimSpace(object.APIVersion + " " + object.Kind)
		if object.Kind == "Status" {
			message = oneLine(object.Message)
		}
		return kind, message
	}
	if status >= http.StatusBadRequest {
		message = oneLine(string(body[:min(len(body), 1000)]))
	}
	return "", message
}

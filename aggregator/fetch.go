package aggregator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/client-go/transport"
)

// limits bound what one request for a document may take.
type limits struct {
	timeout time.Duration
	// size is the most that is read of the answer, in bytes.
	size int64
}

// identity is who asks for a document.
type identity struct {
	name   string
	groups []string
}

// fetcher asks one backend for documents. It keeps no state.
type fetcher struct {
	rt http.RoundTripper
	// hosts returns the addresses to try, in order.
	hosts func() []string
}

// page is the newest good answer for one path.
type page struct {
	etag   string
	digest [sha256.Size]byte
	value  any
}

// answer is what a backend said to one request.
type answer struct {
	status      int
	contentType string
	etag        string
	body        []byte
}

// get asks each address in turn until one answers; each has the whole of the limits.
func (f fetcher) get(ctx context.Context, path, accept, etag string, as identity, l limits) (answer, error) {
	var last error
	for _, host := range f.hosts() {
		a, err := f.getFrom(ctx, host, path, accept, etag, as, l)
		if err == nil {
			return a, nil
		}
		last = err
	}
	return answer{}, last
}

func (f fetcher) getFrom(ctx context.Context, host, path, accept, etag string, as identity, l limits) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	target := (&url.URL{Scheme: "https", Host: host, Path: path}).String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", accept)
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	transport.SetAuthProxyHeaders(req, as.name, "", as.groups, nil)
	resp, err := f.rt.RoundTrip(req)
	if err != nil {
		return answer{}, fmt.Errorf("get %s: %w", target, err)
	}
	body, err := readAll(io.LimitReader(resp.Body, l.size+1), resp.ContentLength)
	closeErr := resp.Body.Close()
	if err := errors.Join(err, closeErr); err != nil {
		return answer{}, fmt.Errorf("get %s: the answer was cut: %w", target, err)
	}
	if int64(len(body)) > l.size {
		return answer{}, fmt.Errorf("get %s: the answer is longer than %d MiB", target, l.size>>20)
	}
	return answer{
		status: resp.StatusCode, contentType: resp.Header.Get("Content-Type"), etag: resp.Header.Get("Etag"), body: body,
	}, nil
}

// readAll is io.ReadAll, which makes room again and again, for what is said to be of a length; -1 is not known.
func readAll(r io.Reader, length int64) ([]byte, error) {
	const most = 8 << 20 // what is not there yet is not believed without limit
	body := bytes.NewBuffer(make([]byte, 0, min(max(length, 0), most)+bytes.MinRead))
	_, err := body.ReadFrom(r)
	return body.Bytes(), err
}

func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body[:min(len(body), 300)])), "\n")
	return line
}

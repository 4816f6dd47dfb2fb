package aggregator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/recording"
)

// recordingPath is where kagg serves a recording of itself, as a tar archive; with
// the query parameter v3=true it holds the OpenAPI v3 documents. Authorization
// sees a get of this path.
const recordingPath = "/debug/kagg/recording"

const recordingType = "application/x-tar"

// serveRecording answers recordingPath.
func (a *Aggregator) serveRecording(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "a recording can only be read", http.StatusMethodNotAllowed)
		return
	}
	r, err := a.Record(req.Context(), RecordOptions{V3: req.URL.Query().Get("v3") == "true"})
	if err == nil {
		var files recording.Files
		if files, err = r.Files(); err == nil {
			w.Header().Set("Content-Type", recordingType)
			_ = files.WriteTar(w) // a client that is gone reads no error
			return
		}
	}
	http.Error(w, "the recording failed: "+err.Error(), http.StatusInternalServerError)
}

// FetchRecording asks a running kagg for a recording of itself.
func FetchRecording(ctx context.Context, config *rest.Config, o RecordOptions) (recording.Files, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", config.Host, err)
	}
	target := server.JoinPath(recordingPath)
	if o.V3 {
		target.RawQuery = url.Values{"v3": {"true"}}.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask kagg at %s: %w: is kagg serve running?", config.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusOK && resp.Header.Get("Content-Type") == recordingType {
		return recording.ReadTar(resp.Body)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("%s is no kagg, or an older one: it has no %s", config.Host, recordingPath)
	}
	return nil, errors.Join(fmt.Errorf("ask %s: %s: %s", target, resp.Status, strings.TrimSpace(string(body))), err)
}

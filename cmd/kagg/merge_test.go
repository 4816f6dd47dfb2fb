package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/internal/demo"
	"github.com/kagg-project/kagg/internal/pki"
)

// startDemo runs kagg demo and returns its state folder when all of it is there.
func startDemo(t *testing.T, flags ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	ctx, cancel := context.WithCancel(context.Background())
	errs := &buffer{written: make(chan struct{}, 1)}
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"demo", "--secure-port=0", "--state-dir", dir}, flags...), streams{In: strings.NewReader(""), Out: io.Discard, Err: errs})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	for !strings.Contains(errs.String(), "try, in another terminal") {
		select {
		case <-errs.written:
		case code := <-ended:
			ended <- code
			t.Fatalf("the demo ended with %d: %s", code, errs.String())
		}
	}
	// Its OpenAPI comes a moment later.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		index := curl(t, dir, "/openapi/v3", acceptJSON)
		if bytes.Contains(index, []byte("orchard.demo.kagg.dev/v1beta1")) && bytes.Contains(index, []byte("weather.demo.kagg.dev/v1")) {
			return dir
		}
		if time.Now().After(deadline) {
			t.Fatalf("the OpenAPI of the demo is not there: %s", index)
		}
	}
}

// curl asks the kagg of a state folder as curl does.
func curl(t *testing.T, dir, path, accept string) []byte {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(dir, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, config.Host+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "curl/8.0")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return body
}

// merge runs kagg merge and returns what it printed.
func merge(t *testing.T, args ...string) (out []byte, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), append([]string{"merge"}, args...), streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}); code != exitDone {
		t.Fatalf("kagg merge %q: exit code %d: %s", args, code, stderr.String())
	}
	return stdout.Bytes(), stderr.String()
}

const (
	acceptAggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	acceptJSON       = "application/json"
)

// What merge prints offline, of a recorded folder, has the bytes that the recorded
// kagg serves.
func TestMergeOfflineIsWhatIsServed(t *testing.T) {
	t.Parallel()
	state := startDemo(t)
	folder := filepath.Join(t.TempDir(), "recorded")
	online, _ := merge(t, "openapi-v3", "--state-dir", state, "--record", folder)

	same := func(what string, served, printed []byte) {
		t.Helper()
		if !bytes.Equal(served, printed) {
			t.Errorf("%s: %d bytes are served, %d printed: %s", what, len(served), len(printed), cmp.Diff(string(served[:min(len(served), 500)]), string(printed[:min(len(printed), 500)])))
		}
	}
	offline := func(args ...string) []byte {
		t.Helper()
		out, errs := merge(t, append(args, "-f", folder)...)
		if errs != "" {
			t.Errorf("%q says: %s", args, errs)
		}
		return out
	}
	same("/apis", curl(t, state, "/apis", acceptAggregated), offline("discovery"))
	same("/apis, groups", curl(t, state, "/apis", acceptJSON), offline("discovery", "--form=groups"))
	same("/openapi/v2", curl(t, state, "/openapi/v2", acceptJSON), offline("openapi-v2"))

	all := offline("openapi-v3")
	same("openapi-v3, online and offline", online, all)
	var v3 struct {
		Paths     json.RawMessage            `json:"paths"`
		Documents map[string]json.RawMessage `json:"documents"`
	}
	if err := json.Unmarshal(all, &v3); err != nil {
		t.Fatal(err)
	}
	index := curl(t, state, "/openapi/v3", acceptJSON)
	same("/openapi/v3", index, []byte(`{"paths":`+string(v3.Paths)+"}"))
	var keys struct {
		Paths map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(index, &keys); err != nil {
		t.Fatal(err)
	}
	if len(keys.Paths) < 40 {
		t.Errorf("only %d keys are served", len(keys.Paths))
	}
	for key, document := range v3.Documents {
		same("the document "+key, bytes.TrimSpace(curl(t, state, "/openapi/v3/"+key, acceptJSON)), document)
	}
	for _, key := range []string{"api/v1", "apis/apps/v1", "version", "apis/orchard.demo.kagg.dev/v1", "apis/weather.demo.kagg.dev/v1"} {
		same("/openapi/v3/"+key, curl(t, state, "/openapi/v3/"+key, acceptJSON), offline("openapi-v3", key))
	}
	for _, key := range []string{"apis/orchard.demo.kagg.dev/v1", "apis/orchard.demo.kagg.dev/v1beta1", "apis/weather.demo.kagg.dev/v1"} {
		if v3.Documents[key] == nil {
			t.Errorf("%s is not among the documents", key)
		}
	}
	if v3.Documents["apis/apps/v1"] != nil {
		t.Error("a local document is among those of the backends")
	}
	for _, document := range []string{"discovery", "openapi-v2", "openapi-v3"} {
		live, _ := merge(t, document, "--decisions", "--state-dir", state)
		same("decisions of "+document, live, offline(document, "--decisions"))
		if !strings.Contains(string(live), "orchard") {
			t.Errorf("the decisions of %s say nothing of the orchard", document)
		}
	}
	t.Run("forms", func(t *testing.T) { mergeForms(t, folder) })
}

func mergeForms(t *testing.T, folder string) {
	t.Helper()
	text, _ := merge(t, "discovery", "-f", folder, "-o", "yaml")
	fromYAML, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, _ := merge(t, "discovery", "-f", folder)
	var a, b any
	if json.Unmarshal(fromYAML, &a) != nil || json.Unmarshal(asJSON, &b) != nil || !cmp.Equal(a, b) {
		t.Error("the YAML says otherwise than the JSON")
	}

	remote, _ := merge(t, "discovery", "-f", folder, "--local=false")
	var list struct {
		Items []struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
		} `json:"items"`
	}
	if err := json.Unmarshal(remote, &list); err != nil {
		t.Fatal(err)
	}
	var groups []string
	for _, g := range list.Items {
		groups = append(groups, g.Metadata.Name)
	}
	if d := cmp.Diff([]string{"orchard.demo.kagg.dev", "weather.demo.kagg.dev"}, groups); d != "" {
		t.Errorf("without the local APIs: %s", d)
	}
	v2, _ := merge(t, "openapi-v2", "-f", folder, "--local=false")
	if !bytes.Contains(v2, []byte("apple")) || bytes.Contains(v2, []byte("/apis/apps/v1")) {
		t.Error("OpenAPI v2 without the local APIs has what is theirs, or lacks what is not")
	}

	decisions, _ := merge(t, "openapi-v3", "-f", folder, "--decisions", "-o", "json")
	var parsed []struct {
		Rule     string `json:"rule"`
		Upstream string `json:"upstream"`
	}
	if err := json.Unmarshal(decisions, &parsed); err != nil || len(parsed) == 0 || parsed[0].Rule == "" || parsed[0].Upstream == "" {
		t.Errorf("the decisions in JSON: %v, %.200s", err, decisions)
	}

	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"merge", "openapi-v3", "apis/orchard.demo.kagg.dev/v2", "-f", folder}, streams{Out: &out, Err: &errs})
	if code != exitFailed || !strings.Contains(errs.String(), "did you mean apis/orchard.demo.kagg.dev/v1") || out.Len() > 0 {
		t.Errorf("an unknown key: exit code %d, %q, %s", code, out.String(), errs.String())
	}
	out.Reset()
	if code := run(t.Context(), []string{"__complete", "merge", "openapi-v3", "-f", folder, ""}, streams{Out: &out, Err: &errs}); code != exitDone || !strings.Contains(out.String(), "apis/orchard.demo.kagg.dev/v1\n") {
		t.Errorf("keys are completed to %s", out.String())
	}
	// What is no recording is not overwritten.
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "mine.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	errs.Reset()
	code = run(t.Context(), []string{"merge", "discovery", "-f", folder, "--record", other}, streams{Out: &out, Err: &errs})
	if code != exitFailed || !strings.Contains(errs.String(), "is not empty") {
		t.Errorf("--record into a folder of others: exit code %d, %s", code, errs.String())
	}
}

// Objects alone are merged from what their backends say now. They believe the front
// proxy of the state folder, and the orchard needs a kagg to start.
func TestMergeAsksTheBackendsOfObjects(t *testing.T) {
	t.Parallel()
	state, err := pki.Ensure(filepath.Join(t.TempDir(), "state"), pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(state.FrontProxyCA.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	servers, err := demo.Start(t.Context(), demo.Options{
		Kubeconfig: state.APIServerKubeconfig, RequestHeaderCA: ca,
		Certificate: func(namespace, service string) (string, string, error) { return state.IssueServing(namespace, service) },
	})
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	args := []string{"merge", "discovery", "-f", "-", "--local=false", "--state-dir", state.Dir}
	if code := run(t.Context(), args, streams{In: bytes.NewReader(servers.Manifests()), Out: &out, Err: &errs}); code != exitDone {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	for _, want := range []string{`"apples"`, `"forecasts"`, `"Current"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %s in: %s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "Stale") || strings.Contains(errs.String(), "is not available") {
		t.Errorf("a group is stale: %s%s", errs.String(), out.String())
	}
}

// A document that lacks what a backend has is printed, and it is said whose.
func TestMergeTellsWhatIsNotAvailable(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	args := []string{"merge", "discovery", "-f", "../../testdata/explain/stale"}
	if code := run(t.Context(), args, streams{In: strings.NewReader(""), Out: &out, Err: &errs}); code != exitDone || out.Len() == 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if got := errs.String(); !strings.HasPrefix(got, "v1.down.example is not available: failing or missing response from https://") || strings.Count(got, "\n") != 1 {
		t.Errorf("it said: %s", got)
	}
}

func TestMergeUsage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no document":      {[]string{"merge"}, "name the document to merge: discovery, openapi-v2, openapi-v3: see kagg merge --help"},
		"endpoint":         {[]string{"merge", "openapi-v2", "-f", "y", "--endpoint=x"}, "--endpoint"},
		"document":         {[]string{"merge", "discovry"}, "did you mean discovery?"},
		"argument":         {[]string{"merge", "discovery", "x"}, "takes no argument"},
		"keys":             {[]string{"merge", "openapi-v3", "a", "b"}, "takes one KEY"},
		"key of decisions": {[]string{"merge", "openapi-v3", "a", "--decisions"}, "leave the KEY out"},
		"output":           {[]string{"merge", "openapi-v2", "-o", "text"}, `unknown --output "text"`},
		"form":             {[]string{"merge", "discovery", "--form=x"}, "--form"},
		"no command":       {[]string{"merge", "openapi-v2", "--"}, "no command after --"},
		"bare":             {[]string{"merge", "openapi-v2", "--bare"}, "--bare goes with a command"},
		"server":           {[]string{"merge", "openapi-v2", "--server=x", "--", "y"}, "--server"},
		"files and server": {[]string{"merge", "openapi-v2", "--server=x", "-f", "y"}, "--server"},
		"timeout":          {[]string{"merge", "openapi-v2", "--wait-timeout=0s", "--", "y"}, "--wait-timeout"},
		"missing file":     {[]string{"merge", "openapi-v2", "-f", "none.yaml"}, "none.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			if code := run(t.Context(), c.args, streams{In: strings.NewReader(""), Out: &out, Err: &errs}); code != exitUsage {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(errs.String(), c.says) {
				t.Errorf("want %q in: %s", c.says, errs.String())
			}
		})
	}
}

package check_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/recording"
)

// codes are those found, each once.
func codes(found []check.Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Code)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// One cause is one finding; what fails in another way has its own.
func TestConsequencesAreLeftOut(t *testing.T) {
	t.Parallel()
	const asked = `failing or missing response from https://127.0.0.1:8443/apis/wardle.example.com/v1: `
	good := check.Certificate{Named: true, ServerAuth: true, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0)}
	untrusted, unnamed := good, good
	untrusted.Untrusted, unnamed.Named = "x509: unknown authority", false
	healthy := check.Host{Address: "127.0.0.1:8443", Certificate: &good, AsksClient: true, Acceptable: true}
	with := func(change func(*check.Host)) check.Backend {
		h := healthy
		change(&h)
		return check.Backend{Hosts: []check.Host{h}, FrontProxy: &check.FrontProxy{CommonName: "front-proxy-client"}}
	}
	anonymous := with(func(*check.Host) {})
	anonymous.Identity = []check.Identity{{Path: "/apis", User: "alice", Answer: check.Answer{Status: 403, Message: `User "system:anonymous" cannot list`}}}
	for name, c := range map[string]struct {
		backend check.Backend
		failure string
		want    []string
	}{
		"nobody listens": {
			with(func(h *check.Host) { h.Failure = "connection refused" }),
			asked + `Get "https://127.0.0.1:8443/": dial tcp 127.0.0.1:8443: connect: connection refused`, []string{"KAGG020"},
		},
		"one address of two, and another answer": {
			with(func(h *check.Host) { h.Failure = "connection refused" }), asked + "bad status from https://127.0.0.1:8443/x: 404", []string{"KAGG020", "KAGG040"},
		},
		"wrong CA": {
			with(func(h *check.Host) { h.Certificate = &untrusted }), asked + "tls: failed to verify certificate: x509: unknown authority", []string{"KAGG024"},
		},
		"wrong name": {
			with(func(h *check.Host) { h.Certificate = &unnamed }), asked + "tls: failed to verify certificate: x509: not api.wardle.svc", []string{"KAGG021"},
		},
		"wrong CA, and a failure of before": {
			with(func(h *check.Host) { h.Certificate = &untrusted }), asked + "bad status from https://127.0.0.1:8443/x: 500", []string{"KAGG024", "KAGG040"},
		},
		"a good certificate": {with(func(*check.Host) {}), asked + "x509: unknown authority", []string{"KAGG040"}},
		"not believed":       {anonymous, asked + "bad status from https://127.0.0.1:8443/x: 403", []string{"KAGG029"}},
		"not believed, and not served": {
			anonymous, asked + "bad status from https://127.0.0.1:8443/x: 404", []string{"KAGG029", "KAGG040"},
		},
		"hung up on": {
			with(func(h *check.Host) { h.Refused = "remote error: tls: bad certificate" }), asked + "remote error: tls: bad certificate", []string{"KAGG031"},
		},
	} {
		files := without(readFiles(t, "../testdata/check/KAGG040"), mendedPart)
		c.backend.Label, c.backend.APIServices = "wardle/api:443", []string{"v1.wardle.example.com"}
		files[liveFile] = marshal(t, map[string]check.Backend{"wardle/api:443": c.backend})
		files["backends/wardle_api_443/state.json"] = marshal(t, recording.State{
			Probes: map[string]recording.Probe{"wardle.example.com/v1": {Failure: c.failure}}, Forms: map[string]string{"wardle.example.com/v1": "aggregated"},
		})
		found := run(t, files)
		if got := codes(found); !slices.Equal(got, c.want) {
			t.Errorf("%s: want %s, got:\n%s", name, c.want, lines(found))
		}
	}
	// Who runs the one check alone is not told that nothing is wrong.
	files := without(readFiles(t, "../testdata/check/KAGG040"), mendedPart)
	if got := codes(run(t, files)); !slices.Equal(got, []string{"KAGG040"}) {
		t.Errorf("without a connection: %s", got)
	}
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// misdirected sends v1beta1 to a Service that answers it with 404, while wardle/api lists it.
func misdirected(t *testing.T) recording.Files {
	t.Helper()
	files := without(readFiles(t, "../testdata/check/KAGG043"), mendedPart)
	first, rest, _ := strings.Cut(string(files["objects.yaml"]), "---\n")
	second := strings.NewReplacer("v1.wardle", "v1beta1.wardle", "version: v1", "version: v1beta1", "versionPriority: 15", "versionPriority: 10", "name: api", "name: other").Replace(first)
	other := strings.ReplaceAll(rest, "name: api", "name: other")
	other = strings.ReplaceAll(other, "service-name: api", "service-name: other")
	files["objects.yaml"] = []byte(first + "---\n" + second + "---\n" + rest + "---\n" + other)
	files["backends/wardle_api_443/state.json"] = marshal(t, recording.State{
		APIServices: []string{"v1.wardle.example.com"}, Probes: map[string]recording.Probe{"wardle.example.com/v1": {}},
		Forms: map[string]string{"wardle.example.com/v1": "aggregated"}, Unclaimed: []string{"wardle.example.com/v1beta1"},
	})
	files["backends/wardle_other_443/state.json"] = marshal(t, recording.State{
		APIServices: []string{"v1beta1.wardle.example.com"}, Forms: map[string]string{"wardle.example.com/v1beta1": "none"},
		Probes: map[string]recording.Probe{"wardle.example.com/v1beta1": {Failure: "bad status from https://127.0.0.1:8443/x: 404"}},
	})
	files["backends/wardle_other_443/openapi-v2.json"] = []byte(`{"swagger": "2.0", "info": {"title": "other", "version": "1"}, "paths": {}}`)
	files["backends/wardle_other_443/openapi-v3/index.json"] = []byte(`{"paths": {}}`)
	return files
}

func TestWrongService(t *testing.T) {
	t.Parallel()
	found := run(t, misdirected(t))
	seen := map[string]bool{}
	for _, f := range found {
		seen[f.Code] = true
		switch f.Code {
		case "KAGG040", "KAGG043":
		case "KAGG063", "KAGG064":
			t.Errorf("what is not served need not be described: %s", f.Message)
			continue
		default:
			continue
		}
		if !strings.HasPrefix(f.Mend, "Correct spec.service of APIService v1beta1.wardle.example.com to wardle/api:443") {
			t.Errorf("%s says %q", f.Code, f.Mend)
		}
		if f.Code == "KAGG040" && !strings.HasSuffix(f.Message, "; wardle/api:443 lists it") {
			t.Errorf("it does not say who lists it: %s", f.Message)
		}
	}
	if !seen["KAGG040"] || !seen["KAGG043"] {
		t.Errorf("want KAGG040 and KAGG043:\n%s", lines(found))
	}
}

// What a backend listed before it died is not said to be listed.
func TestUnclaimedOfADeadBackend(t *testing.T) {
	t.Parallel()
	files := without(readFiles(t, "../testdata/check/KAGG043"), mendedPart)
	files["backends/wardle_api_443/state.json"] = marshal(t, recording.State{
		APIServices: []string{"v1.wardle.example.com"}, Probes: map[string]recording.Probe{"wardle.example.com/v1": {Failure: "connection refused"}},
		Forms: map[string]string{"wardle.example.com/v1": "aggregated"}, Unclaimed: []string{"wardle.example.com/v1beta1"},
	})
	if got := codes(run(t, files)); !slices.Equal(got, []string{"KAGG040"}) {
		t.Errorf("got %s", got)
	}
}

package aggregator_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/aggregator"
)

const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, nonResourceURLs: [/readyz*]}
- {level: RequestResponse, resources: [{group: "", resources: [configmaps]}, {group: ` + group + `}]}
- {level: Request, resources: [{group: "", resources: [endpoints]}]}
- {level: Metadata}
`

// audited configures an audit log and returns its file.
func audited(t *testing.T, policy string, change func(*options.AuditOptions)) (string, func(*aggregator.Config)) {
	t.Helper()
	folder := t.TempDir()
	o := options.NewAuditOptions()
	o.PolicyFile, o.LogOptions.Path = filepath.Join(folder, "policy.yaml"), filepath.Join(folder, "log", "audit.log")
	if err := os.WriteFile(o.PolicyFile, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(o)
	}
	return o.LogOptions.Path, func(c *aggregator.Config) { c.Observability.Audit = o }
}

// send sends a request as the administrator, or with another client.
func (r *rig) send(client *http.Client, method, path, body string, header ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.aggregator.URL()+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return r.do(client, req)
}

// anonymous is a client without credentials.
func (r *rig) anonymous() *http.Client {
	r.t.Helper()
	client, err := rest.HTTPClientFor(rest.AnonymousClientConfig(r.admin))
	if err != nil {
		r.t.Fatal(err)
	}
	return client
}

// event waits for the one event with the id and the stage.
func (r *rig) event(log, id, stage string) aggregator.AuditEvent {
	r.t.Helper()
	var found []aggregator.AuditEvent
	r.eventually("the event of the stage "+stage, func() bool {
		found = nil
		for _, e := range aggregator.ReadEvents(r.t, log) {
			if e.AuditID == id && e.Stage == stage {
				found = append(found, e)
			}
		}
		return len(found) > 0
	})
	if len(found) != 1 {
		r.t.Fatalf("want one event, got %+v", found)
	}
	return found[0]
}

func TestAuditRecordsEachKindOfRequest(t *testing.T) {
	t.Parallel()
	log, change := audited(t, policy, nil)
	seen := make(chan string, 16)
	r, _ := scripted(t, change, func(w http.ResponseWriter, req *http.Request) {
		seen <- req.Header.Get("Audit-Id")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"kind":"Widget"}`))
	})
	const maps, object = "/api/v1/namespaces/widgets/configmaps", `{"metadata":{"name":"a"},"data":{"k":"v"}}`
	for _, tt := range []struct {
		name, method, path, body string
		header                   []string
		level, verb              string
		code                     int
		request, response        string // what the bodies contain, "" for no body
	}{
		{name: "local, bodies of both", method: http.MethodPost, path: maps, body: object,
			level: "RequestResponse", verb: "create", code: 201, request: `"k":"v"`, response: `"uid":`},
		{name: "local, the answer", method: http.MethodGet, path: maps + "/a", level: "RequestResponse", verb: "get", code: 200, response: `"k":"v"`},
		{name: "local, the request", method: http.MethodPost, path: "/api/v1/namespaces/widgets/endpoints", body: `{"metadata":{"name":"e"}}`,
			level: "Request", verb: "create", code: 201, request: `"name":"e"`},
		{name: "local, no body", method: http.MethodGet, path: "/api/v1/namespaces/widgets", level: "Metadata", verb: "get", code: 200},
		// As in a cluster: the bodies are the custom apiserver's to record.
		{name: "proxied", method: http.MethodPost, path: widgetPath, body: `{}`, level: "RequestResponse", verb: "create", code: 200},
		{name: "impersonated", method: http.MethodGet, path: "/api/v1/namespaces/widgets", header: []string{"Impersonate-User", "jane"},
			level: "Metadata", verb: "get", code: 200},
		{name: "not found", method: http.MethodGet, path: "/api/v1/namespaces/none", level: "Metadata", verb: "get", code: 404},
	} {
		got := r.send(r.client, tt.method, tt.path, tt.body, tt.header...)
		if got.status != tt.code {
			t.Fatalf("%s: %v", tt.name, got)
		}
		e := r.event(log, got.header.Get("Audit-Id"), "ResponseComplete")
		if e.Level != tt.level || e.Verb != tt.verb || e.ResponseStatus.Code != tt.code || e.RequestURI != tt.path || e.User.Username != "kubernetes-admin" ||
			e.Annotations["authorization.k8s.io/decision"] != "allow" {
			t.Errorf("%s: %+v", tt.name, e)
		}
		for body, want := range map[string]string{string(e.RequestObject): tt.request, string(e.ResponseObject): tt.response} {
			if (want == "") != (body == "") || !strings.Contains(body, want) {
				t.Errorf("%s: the recorded body is %q, want %q in it", tt.name, body, want)
			}
		}
		if impersonated := e.ImpersonatedUser != nil; impersonated != (tt.header != nil) || impersonated && e.ImpersonatedUser.Username != "jane" {
			t.Errorf("%s: impersonated user %+v", tt.name, e.ImpersonatedUser)
		}
		if tt.name == "proxied" {
			if id := <-seen; id != e.AuditID {
				t.Errorf("the backend saw the audit id %q, want %q", id, e.AuditID)
			}
		}
	}
	for _, e := range aggregator.ReadEvents(t, log) {
		if e.Stage == "RequestReceived" || strings.HasPrefix(e.RequestURI, "/readyz") {
			t.Errorf("recorded against the policy: %+v", e)
		}
	}
}

func TestAuditRecordsWhoIsRefused(t *testing.T) {
	t.Parallel()
	log, change := audited(t, policy, nil)
	r := newRig(t, func(c *aggregator.Config) {
		change(c)
		c.AuthorizationModes = []aggregator.AuthorizationMode{aggregator.AuthorizationRBAC}
	})
	got := r.send(r.anonymous(), http.MethodGet, "/api/v1/namespaces", "")
	if got.status != http.StatusUnauthorized {
		t.Fatal(got)
	}
	e := r.event(log, got.header.Get("Audit-Id"), "ResponseStarted")
	if e.ResponseStatus.Code != http.StatusUnauthorized || e.User.Username != "" || e.RequestURI != "/api/v1/namespaces" {
		t.Errorf("%+v", e)
	}
	got = r.get("/api/v1/namespaces", "Impersonate-User", "jane")
	if got.status != http.StatusForbidden {
		t.Fatal(got)
	}
	e = r.event(log, got.header.Get("Audit-Id"), "ResponseComplete")
	if e.ResponseStatus.Code != http.StatusForbidden || e.Annotations["authorization.k8s.io/decision"] != "forbid" || e.ImpersonatedUser == nil || e.ImpersonatedUser.Username != "jane" {
		t.Errorf("%+v", e)
	}
}

// A watch has an event when it begins, and one when it ends.
func TestAuditRecordsTheStagesOfAWatch(t *testing.T) {
	t.Parallel()
	log, change := audited(t, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n", nil)
	r := newRig(t, change)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.aggregator.URL()+"/api/v1/namespaces?watch=true", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	id := resp.Header.Get("Audit-Id")
	r.event(log, id, "RequestReceived")
	if e := r.event(log, id, "ResponseStarted"); e.Verb != "watch" {
		t.Errorf("%+v", e)
	}
	for _, e := range aggregator.ReadEvents(t, log) {
		if e.AuditID == id && e.Stage == "ResponseComplete" {
			t.Errorf("the watch runs, and is recorded as complete: %+v", e)
		}
	}
	cancel()
	r.event(log, id, "ResponseComplete")
}

// In batch mode events are written later, and at the stop at the latest.
func TestAuditIsWrittenWhenKaggStops(t *testing.T) {
	t.Parallel()
	log, change := audited(t, policy, func(o *options.AuditOptions) {
		o.LogOptions.BatchOptions.Mode = options.ModeBatch
		o.LogOptions.BatchOptions.BatchConfig.MaxBatchSize = 1000
		o.LogOptions.BatchOptions.BatchConfig.MaxBatchWait = time.Hour
	})
	r := newRig(t, change)
	id := r.get("/api/v1/namespaces").header.Get("Audit-Id")
	if events := aggregator.ReadEvents(t, log); len(events) > 0 {
		t.Fatalf("written before a batch was full: %+v", events)
	}
	r.stop()
	r.event(log, id, "ResponseComplete")
}

func TestAuditLogIsRotatedAndPrivate(t *testing.T) {
	t.Parallel()
	log, change := audited(t, policy, func(o *options.AuditOptions) { o.LogOptions.MaxSize = 1 })
	r := newRig(t, change)
	body := fmt.Sprintf(`{"metadata":{"generateName":"big-"},"data":{"k":%q}}`, strings.Repeat("x", 300_000))
	for range 4 {
		if got := r.send(r.client, http.MethodPost, "/api/v1/namespaces/widgets/configmaps", body); got.status != http.StatusCreated {
			t.Fatal(got.status)
		}
	}
	r.eventually("a rotated log", func() bool {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(log), "audit-*.log"))
		return err == nil && len(files) > 0
	})
	for path, want := range map[string]os.FileMode{log: 0o600, filepath.Dir(log): 0o700} {
		var info os.FileInfo
		r.eventually(path, func() bool { // a rotated log is missing for a moment
			var err error
			info, err = os.Stat(path)
			return err == nil
		})
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func TestLegacyFormat(t *testing.T) {
	t.Parallel()
	log, change := audited(t, policy, func(o *options.AuditOptions) { o.LogOptions.Format = "legacy" })
	r := newRig(t, change)
	id := r.get("/api/v1/namespaces").header.Get("Audit-Id")
	r.eventually("a line of text", func() bool {
		data, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(data), `AUDIT: id="`+id+`" stage="ResponseComplete"`)
	})
}

// What an administrator may have forgotten is said, and is no error, as in a kube-apiserver.
func TestHalfAnAuditConfigurationIsTold(t *testing.T) {
	t.Parallel()
	_, change := audited(t, policy, func(o *options.AuditOptions) { o.PolicyFile = "" })
	newRig(t, change).waitEvent("audit", "--audit-policy-file")
	_, change = audited(t, policy, func(o *options.AuditOptions) { o.LogOptions.Path = "" })
	newRig(t, change).waitEvent("audit", "--audit-log-path")
}

func TestBadAuditFilesAreInputErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, policy, want string }{
		{"a level that is none", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Everything}]\n", `rules[0].level: Unsupported value: "Everything"`},
		{"no rules", "apiVersion: audit.k8s.io/v1\nkind: Policy\n", "0 rules"},
		{"another kind", "apiVersion: v1\nkind: Namespace\n", "no kind"},
		{"no YAML", "{", "failed decoding"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, change := audited(t, tt.policy, nil)
			c := aggregator.Config{StateDir: t.TempDir()}
			change(&c)
			_, err := aggregator.Start(t.Context(), c)
			var input *aggregator.InputError
			if !errors.As(err, &input) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "--audit-policy-file "+c.Observability.Audit.PolicyFile) {
				t.Errorf("want an InputError with the flag, the file and %q, got %v", tt.want, err)
			}
		})
	}
}

package aggregator_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kagg-project/kagg/aggregator"
)

// narrow sends the user crowd to a level with one seat that queues nobody.
const narrow = `
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: PriorityLevelConfiguration
metadata: {name: narrow}
spec: {type: Limited, limited: {nominalConcurrencyShares: 1, lendablePercent: 0, borrowingLimitPercent: 0, limitResponse: {type: Reject}}}
---
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: crowd}
spec:
  matchingPrecedence: 10
  priorityLevelConfiguration: {name: narrow}
  rules:
  - subjects: [{kind: User, user: {name: crowd}}]
    resourceRules: [{verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"], clusterScope: true}]
    nonResourceRules: [{verbs: ["*"], nonResourceURLs: ["*"]}]
`

// fair makes ten seats, of which each level has at least one.
func fair(c *aggregator.Config) {
	reading, changing := 8, 2
	c.Observability.EnablePriorityAndFairness = true
	c.Observability.MaxRequestsInFlight, c.Observability.MaxMutatingRequestsInFlight = &reading, &changing
}

func (r *rig) uid(path string) string {
	var object struct{ Metadata struct{ UID string } }
	if err := json.Unmarshal([]byte(r.get(path).body), &object); err != nil {
		r.t.Fatal(err)
	}
	return object.Metadata.UID
}

const flowcontrol = "/apis/flowcontrol.apiserver.k8s.io/v1/"

// asCrowd waits until the user crowd is sent to the narrow level.
func (r *rig) asCrowd() (schemaUID, levelUID string) {
	r.t.Helper()
	r.write("narrow.yaml", narrow)
	for _, path := range []string{"flowschemas/crowd", "prioritylevelconfigurations/narrow"} {
		r.eventually(path, func() bool { return r.get(flowcontrol+path).status == http.StatusOK })
	}
	schemaUID, levelUID = r.uid(flowcontrol+"flowschemas/crowd"), r.uid(flowcontrol+"prioritylevelconfigurations/narrow")
	r.eventually("the flow schema to count", func() bool {
		return r.get("/version", "Impersonate-User", "crowd").header.Get("X-Kubernetes-Pf-Flowschema-Uid") == schemaUID
	})
	return schemaUID, levelUID
}

func TestACrowdDoesNotKeepOthersOut(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	r, _ := scripted(t, fair, func(_ http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/slow") {
			entered <- struct{}{}
			<-leave
		}
	})
	schemaUID, levelUID := r.asCrowd()
	first := make(chan int, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.aggregator.URL()+widgetPath+"/slow", http.NoBody)
		if err != nil {
			first <- 0
			return
		}
		req.Header.Set("Impersonate-User", "crowd")
		resp, err := r.client.Do(req)
		if err != nil {
			first <- 0
			return
		}
		_ = resp.Body.Close()
		first <- resp.StatusCode
	}()
	<-entered
	got := r.get("/api/v1/namespaces", "Impersonate-User", "crowd")
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" || got.header.Get("X-Kubernetes-Pf-Flowschema-Uid") != schemaUID ||
		got.header.Get("X-Kubernetes-Pf-Prioritylevel-Uid") != levelUID {
		t.Errorf("the crowd's second request: %v", got)
	}
	for _, user := range []string{"jane", "system:kube-scheduler"} {
		got := r.get("/api/v1/namespaces", "Impersonate-User", user)
		if got.status != http.StatusOK || got.header.Get("X-Kubernetes-Pf-Flowschema-Uid") == schemaUID || got.header.Get("X-Kubernetes-Pf-Flowschema-Uid") == "" {
			t.Errorf("%s: %v", user, got)
		}
	}
	if dump := r.get("/debug/api_priority_and_fairness/dump_priority_levels"); dump.status != http.StatusOK || !strings.Contains(dump.body, "narrow") {
		t.Errorf("debug: %v", dump)
	}
	if metrics := r.get("/metrics").body; !strings.Contains(metrics, `apiserver_flowcontrol_rejected_requests_total{flow_schema="crowd",priority_level="narrow",reason="concurrency-limit"}`) {
		t.Error("/metrics does not count the refused request")
	}
	close(leave)
	if code := <-first; code != http.StatusOK {
		t.Errorf("the crowd's first request: %d", code)
	}
	r.eventually("a seat", func() bool { return r.get("/api/v1/namespaces", "Impersonate-User", "crowd").status == http.StatusOK })
}

// A watch has its seat only until it runs, of the local APIs as of a backend.
func TestAWatchGivesItsSeatBack(t *testing.T) {
	t.Parallel()
	r, _ := scripted(t, fair, func(w http.ResponseWriter, req *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		if req.URL.Query().Has("watch") {
			<-req.Context().Done()
		}
	})
	r.asCrowd()
	for _, path := range []string{"/api/v1/namespaces?watch=true", widgetPath + "?watch=true"} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.aggregator.URL()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Impersonate-User", "crowd")
		var resp *http.Response
		r.eventually("a watch to begin", func() bool {
			if resp, err = r.client.Do(req); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != http.StatusOK {
				_ = resp.Body.Close()
			}
			return resp.StatusCode == http.StatusOK
		})
		defer func() { _ = resp.Body.Close() }()
		r.eventually("a seat beside the watch", func() bool { return r.get("/version", "Impersonate-User", "crowd").status == http.StatusOK })
	}
}

func TestBootstrapConfigurationOfFairness(t *testing.T) {
	t.Parallel()
	r := newRig(t, fair)
	r.eventually("readiness", func() bool {
		return strings.Contains(r.get("/readyz?verbose").body, "[+]poststarthook/priority-and-fairness-config-producer ok")
	})
	for _, path := range []string{"flowschemas/exempt", "flowschemas/service-accounts", "flowschemas/global-default", "prioritylevelconfigurations/workload-low"} {
		got := r.get(flowcontrol + path)
		if got.status != http.StatusOK || !strings.Contains(got.body, `"apf.kubernetes.io/autoupdate-spec":"true"`) {
			t.Errorf("%s: %v", path, got)
		}
	}
	r.eventually("the status of a flow schema", func() bool {
		var object struct {
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
		if err := json.Unmarshal([]byte(r.get(flowcontrol+"flowschemas/global-default").body), &object); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(object.Status.Conditions) == "[{Dangling False}]"
	})
}

// Without priority and fairness the plain limit holds, and nobody is told a flow schema.
func TestInFlightLimit(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	one := 1
	r, _ := scripted(t, func(c *aggregator.Config) { c.Observability.MaxRequestsInFlight = &one }, func(_ http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/slow") {
			entered <- struct{}{}
			<-leave
		}
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.aggregator.URL()+widgetPath+"/slow", http.NoBody)
		if err != nil {
			return
		}
		req.Header.Set("Impersonate-User", "jane")
		if resp, err := r.client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-entered
	got := r.get("/api/v1/namespaces", "Impersonate-User", "jane")
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" || got.header.Get("X-Kubernetes-Pf-Flowschema-Uid") != "" {
		t.Errorf("over the limit: %v", got)
	}
	// The administrators get in at any time, as in a kube-apiserver, and changes have a limit of their own.
	if got := r.get("/api/v1/namespaces"); got.status != http.StatusOK {
		t.Errorf("administrator: %v", got)
	}
	if got := r.send(r.client, http.MethodPost, "/api/v1/namespaces", `{"metadata":{"name":"n"}}`, "Impersonate-User", "jane"); got.status != http.StatusCreated {
		t.Errorf("a change: %v", got)
	}
	close(leave)
	<-done
}

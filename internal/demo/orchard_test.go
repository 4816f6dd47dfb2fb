package demo_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-openapi/pkg/spec3"

	v1 "github.com/kagg-project/kagg/internal/demo/orchard/v1"
	"github.com/kagg-project/kagg/internal/demo/orchard/v1beta1"
	"github.com/kagg-project/kagg/internal/pki"
)

func TestOrchardCRUDInBothVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFrontProxy(t, w.core, "orchard", w.core.state.FrontProxyClient)

	seeded := decode[v1.AppleList](t, get(t, f, w.orchard+apples))
	var names []string
	for _, a := range seeded.Items {
		names = append(names, a.Name+" "+a.Spec.Variety+" "+a.Status.Phase)
	}
	if diff := cmp.Diff([]string{"boskoop Boskoop Growing", "gala Gala Growing"}, names); diff != "" {
		t.Errorf("seeded apples (-want +got):\n%s", diff)
	}

	watch := startWatch(t, f, w.orchard+strings.Replace(apples, "/v1/", "/v1beta1/", 1)+
		"?watch=true&resourceVersion="+seeded.ResourceVersion)

	code, body := f.do(t, request(t.Context(), t, http.MethodPost, w.orchard+apples, "alice", strings.NewReader(
		`{"apiVersion":"orchard.demo.kagg.dev/v1","kind":"Apple","metadata":{"name":"a"},"spec":{"variety":"Elstar"},"status":{"phase":"Picked"}}`),
		"Content-Type", "application/json"))
	if code != http.StatusCreated {
		t.Fatalf("create: %d %s", code, body)
	}
	if a := decode[v1.Apple](t, body); a.Status.Phase != "Growing" {
		t.Errorf("a new apple has phase %q, the status is not the creator's to set", a.Status.Phase)
	}
	if got := watch.next(); got != "ADDED a Elstar ripe=false phase=Growing" {
		t.Errorf("the watch in v1beta1 saw %q", got)
	}

	beta := w.orchard + strings.Replace(apples, "/v1/", "/v1beta1/", 1) + "/a"
	if a := decode[v1beta1.Apple](t, get(t, f, beta)); a.Spec.Cultivar != "Elstar" || a.APIVersion != "orchard.demo.kagg.dev/v1beta1" {
		t.Errorf("in v1beta1: %s with cultivar %q", a.APIVersion, a.Spec.Cultivar)
	}
	patches := []struct{ url, patch, event string }{
		{beta, `{"spec":{"ripe":true},"status":{"phase":"Picked"}}`, "MODIFIED a Elstar ripe=true phase=Growing"},
		{beta + "/status", `{"spec":{"ripe":false},"status":{"phase":"Picked"}}`, "MODIFIED a Elstar ripe=true phase=Picked"},
	}
	for _, p := range patches {
		code, body := f.do(t, request(t.Context(), t, http.MethodPatch, p.url, "alice", strings.NewReader(p.patch),
			"Content-Type", "application/merge-patch+json"))
		if code != http.StatusOK {
			t.Fatalf("patch %s: %d %s", p.url, code, body)
		}
		if got := watch.next(); got != p.event {
			t.Errorf("the watch saw %q, want %q", got, p.event)
		}
	}

	if code, body := f.do(t, request(t.Context(), t, http.MethodDelete, w.orchard+apples+"/a", "alice", nil)); code != http.StatusOK {
		t.Fatalf("delete: %d %s", code, body)
	}
	if got := watch.next(); got != "DELETED a Elstar ripe=true phase=Picked" {
		t.Errorf("the watch saw %q", got)
	}
}

func TestOrchardServerSideApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFrontProxy(t, w.core, "orchard", w.core.state.FrontProxyClient)
	apply := func(manager, spec string) (int, string) {
		return f.do(t, request(t.Context(), t, http.MethodPatch, w.orchard+apples+"/applied?fieldManager="+manager, "alice",
			strings.NewReader(`{"apiVersion":"orchard.demo.kagg.dev/v1","kind":"Apple","metadata":{"name":"applied"},"spec":`+spec+`}`),
			"Content-Type", "application/apply-patch+yaml"))
	}
	if code, body := apply("one", `{"variety":"Elstar"}`); code != http.StatusCreated {
		t.Fatalf("first apply: %d %s", code, body)
	}
	code, body := apply("two", `{"variety":"Jonagold"}`)
	if code != http.StatusConflict || !strings.Contains(body, `conflict with \"one\": .spec.variety`) {
		t.Errorf("a conflicting apply: %d %s", code, body)
	}
	code, body = apply("three", `{}`)
	if code != http.StatusOK {
		t.Errorf("an apply of nothing: %d %s", code, body)
	}
}

func TestOrchardValidationAndTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFrontProxy(t, w.core, "orchard", w.core.state.FrontProxyClient)

	code, body := f.do(t, request(t.Context(), t, http.MethodPost, w.orchard+apples, "alice",
		strings.NewReader(`{"apiVersion":"orchard.demo.kagg.dev/v1","kind":"Apple","metadata":{"name":"nameless"},"spec":{"variety":""}}`),
		"Content-Type", "application/json"))
	wantMessage := `Apple.orchard.demo.kagg.dev "nameless" is invalid: spec.variety: Required value: say which apple it is (v1beta1 calls it cultivar)`
	if got := decode[metav1.Status](t, body); code != http.StatusUnprocessableEntity || got.Message != wantMessage {
		t.Errorf("got %d %q, want 422 %q", code, got.Message, wantMessage)
	}

	table := decode[metav1.Table](t, get(t, f, w.orchard+apples, "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"))
	var columns []string
	for _, c := range table.ColumnDefinitions {
		columns = append(columns, c.Name)
	}
	if diff := cmp.Diff([]string{"Name", "Variety", "Ripe", "Phase", "Age"}, columns); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
	var rows [][]any
	for _, r := range table.Rows {
		rows = append(rows, r.Cells[:4])
	}
	want := [][]any{{"boskoop", "Boskoop", true, "Growing"}, {"gala", "Gala", false, "Growing"}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestOrchardDelegatesIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxied := newFrontProxy(t, w.core, "orchard", w.core.state.FrontProxyClient)
	direct := newFrontProxy(t, w.core, "orchard", pki.Pair{})
	remove := w.orchard + apples + "/gala"
	for _, tt := range []struct {
		name    string
		client  *frontProxy
		method  string
		url     string
		user    string
		headers []string
		want    int
		text    string
	}{
		{"a user of the front proxy", proxied, http.MethodGet, remove, "alice", nil, 200, ""},
		{"a reader may read", proxied, http.MethodGet, remove, readOnlyUser, nil, 200, ""},
		{"a reader may not delete", proxied, http.MethodDelete, remove, readOnlyUser, nil, 403, `User \"rita\" cannot delete resource`},
		{"a denied user", proxied, http.MethodGet, remove, deniedUser, nil, 403, `User \"mallory\" cannot get resource`},
		// Not 401: as most custom apiservers, it lets anonymous requests through to authorization.
		{"no certificate", direct, http.MethodGet, remove, "alice", nil, 403, `User \"system:anonymous\" cannot get resource`},
		{"no certificate, good token", direct, http.MethodGet, remove, "alice", []string{"Authorization", "Bearer " + goodToken}, 200, ""},
		{"no certificate, bad token", direct, http.MethodGet, remove, "alice", []string{"Authorization", "Bearer bad"}, 401, "Unauthorized"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, body := tt.client.do(t, request(t.Context(), t, tt.method, tt.url, tt.user, nil, tt.headers...))
			if code != tt.want || !strings.Contains(body, tt.text) {
				t.Errorf("got %d %s, want %d with %q", code, body, tt.want, tt.text)
			}
		})
	}
}

func TestOrchardDiscoveryAndOpenAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFrontProxy(t, w.core, "orchard", w.core.state.FrontProxyClient)

	aggregated := decode[apidiscoveryv2.APIGroupDiscoveryList](t, get(t, f, w.orchard+"/apis",
		"Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"))
	var found []string
	for _, g := range aggregated.Items {
		for _, v := range g.Versions {
			for _, r := range v.Resources {
				found = append(found, fmt.Sprint(g.Name, " ", v.Version, " ", r.Resource, " ", r.ShortNames, " ", len(r.Subresources)))
			}
		}
	}
	want := []string{"orchard.demo.kagg.dev v1 apples [ap] 1", "orchard.demo.kagg.dev v1beta1 apples [ap] 1"}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("aggregated discovery (-want +got):\n%s", diff)
	}
	legacy := decode[metav1.APIGroupList](t, get(t, f, w.orchard+"/apis", "Accept", "application/json"))
	if len(legacy.Groups) != 1 || legacy.Groups[0].PreferredVersion.Version != "v1" {
		t.Errorf("legacy discovery: %+v", legacy.Groups)
	}

	checkV2(t, get(t, f, w.orchard+"/openapi/v2", "Accept", "application/json"), "dev.kagg.demo.orchard.v1.Apple")
	var v3 spec3.OpenAPI
	if err := json.Unmarshal([]byte(get(t, f, w.orchard+"/openapi/v3/apis/orchard.demo.kagg.dev/v1")), &v3); err != nil {
		t.Fatal(err)
	}
	schema := v3.Components.Schemas["dev.kagg.demo.orchard.v1.AppleSpec"]
	if schema == nil || schema.Properties["variety"].Description != "Variety is the kind of apple, such as Boskoop." {
		t.Errorf("the v3 schema of AppleSpec: %+v", schema)
	}
	for path, item := range v3.Paths.Paths {
		if strings.HasSuffix(path, "/apples/{name}") && item.Get == nil {
			t.Errorf("path %s has no GET", path)
		}
	}
}

// watcher reads the events of a watch in v1beta1.
type watcher struct {
	t      *testing.T
	events *json.Decoder
}

func startWatch(t *testing.T, f *frontProxy, url string) *watcher {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	resp, err := f.client.Do(request(ctx, t, http.MethodGet, url, "alice", nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = resp.Body.Close()
	})
	return &watcher{t: t, events: json.NewDecoder(bufio.NewReader(resp.Body))}
}

// next waits for an event and describes it.
func (w *watcher) next() string {
	w.t.Helper()
	var event struct {
		Type   string
		Object v1beta1.Apple
	}
	if err := w.events.Decode(&event); err != nil {
		w.t.Fatalf("the watch ended: %v", err)
	}
	a := event.Object
	return fmt.Sprintf("%s %s %s ripe=%t phase=%s", event.Type, a.Name, a.Spec.Cultivar, a.Spec.Ripe, a.Status.Phase)
}

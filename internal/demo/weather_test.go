package demo_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kagg-project/kagg/internal/demo/weather"
	"github.com/kagg-project/kagg/internal/pki"
)

func TestWeather(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := newFrontProxy(t, w.core, "weather", w.core.state.FrontProxyClient)
	root := w.weather + "/apis/weather.demo.kagg.dev/v1"

	resources := decode[metav1.APIResourceList](t, get(t, f, root))
	if len(resources.APIResources) != 1 || resources.APIResources[0].Kind != "Forecast" || resources.APIResources[0].Namespaced {
		t.Errorf("discovery: %+v", resources)
	}
	list := decode[weather.ForecastList](t, get(t, f, root+"/forecasts"))
	var got []string
	for _, i := range list.Items {
		got = append(got, fmt.Sprint(i.Name, " ", i.Sky, " ", i.Celsius))
	}
	if diff := cmp.Diff([]string{"bergen rain 11", "lisbon sunny 24", "nairobi cloudy 21"}, got); diff != "" {
		t.Errorf("forecasts (-want +got):\n%s", diff)
	}
	// What kubectl get sends.
	table := decode[metav1.Table](t, get(t, f, root+"/forecasts/lisbon", "Accept",
		"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"))
	if len(table.Rows) != 1 || !cmp.Equal(table.Rows[0].Cells, []any{"lisbon", "sunny", float64(24)}) {
		t.Errorf("table: %+v", table.Rows)
	}
	checkV2(t, get(t, f, w.weather+"/openapi/v2"), "dev.kagg.demo.weather.v1.Forecast")
}

func TestWeatherRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxied := newFrontProxy(t, w.core, "weather", w.core.state.FrontProxyClient)
	direct := newFrontProxy(t, w.core, "weather", pki.Pair{})
	otherCA := newFrontProxy(t, w.core, "weather", w.core.state.Admin)
	root := w.weather + "/apis/weather.demo.kagg.dev/v1"
	for _, tt := range []struct {
		name              string
		client            *frontProxy
		method, url, user string
		want              int
		reason            metav1.StatusReason
	}{
		{"no certificate", direct, http.MethodGet, root + "/forecasts", "alice", 401, metav1.StatusReasonUnauthorized},
		{"no certificate, discovery", direct, http.MethodGet, root, "alice", 401, metav1.StatusReasonUnauthorized},
		{"a certificate of another CA", otherCA, http.MethodGet, root + "/forecasts", "alice", 401, metav1.StatusReasonUnauthorized},
		{"no user", proxied, http.MethodGet, root + "/forecasts", "", 401, metav1.StatusReasonUnauthorized},
		{"no such city", proxied, http.MethodGet, root + "/forecasts/atlantis", "alice", 404, metav1.StatusReasonNotFound},
		{"a write", proxied, http.MethodPost, root + "/forecasts", "alice", 405, metav1.StatusReasonMethodNotAllowed},
		{"a watch", proxied, http.MethodGet, root + "/forecasts?watch=true", "alice", 405, metav1.StatusReasonMethodNotAllowed},
		{"aggregated discovery", proxied, http.MethodGet, w.weather + "/apis", "alice", 404, metav1.StatusReasonNotFound},
		{"OpenAPI v3", proxied, http.MethodGet, w.weather + "/openapi/v3", "alice", 404, metav1.StatusReasonNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, body := tt.client.do(t, request(t.Context(), t, tt.method, tt.url, tt.user, nil))
			if got := decode[metav1.Status](t, body); code != tt.want || got.Reason != tt.reason || int(got.Code) != tt.want {
				t.Errorf("got %d %s, want %d %s", code, body, tt.want, tt.reason)
			}
		})
	}
}

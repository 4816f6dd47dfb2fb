package gather_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/check/gather"
	"github.com/kagg-project/kagg/internal/misbehaving"
	"github.com/kagg-project/kagg/proxy"
)

func serve(t *testing.T, options ...misbehaving.Option) (*misbehaving.Server, gather.Target, gather.Options) {
	t.Helper()
	s, err := misbehaving.Start(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	target := gather.Target{
		Key: "test/ships:443", Label: "test/ships:443", Hosts: []string{s.Address}, ServerName: misbehaving.ServerName, CABundle: s.CABundle,
		APIServices:   []string{misbehaving.Version + "." + misbehaving.Group},
		GroupVersions: []schema.GroupVersion{{Group: misbehaving.Group, Version: misbehaving.Version}},
	}
	return s, target, gather.Options{
		FrontProxyCert: s.FrontProxyCert, FrontProxyKey: s.FrontProxyKey,
		// Long, for a machine that is busy: what answers at all costs none of it.
		Timeout: 20 * time.Second, Settle: 100 * time.Millisecond, Patience: 20 * time.Second,
	}
}

func look(t *testing.T, target gather.Target, o gather.Options) *check.Backend {
	t.Helper()
	seen, err := gather.Gather(t.Context(), []gather.Target{target}, o)
	if err != nil {
		t.Fatal(err)
	}
	return seen.Backends[target.Key]
}

func codes(b *check.Backend) []string {
	var out []string
	for _, f := range check.Run(check.Facts{Live: map[string]*check.Backend{b.Label: b}, Now: time.Now()}, check.Checks()) {
		out = append(out, f.Code)
	}
	return out
}

func TestTargets(t *testing.T) {
	t.Parallel()
	view := func(name, group, service string, ca string, hosts ...string) aggregator.APIServiceView {
		return aggregator.APIServiceView{
			Object: &apiregistrationv1.APIService{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec: apiregistrationv1.APIServiceSpec{
					Group: group, Version: "v1", CABundle: []byte(ca),
					Service: &apiregistrationv1.ServiceReference{Namespace: "ns", Name: service},
				},
			},
			Query: proxy.Query{Namespace: "ns", Name: service, Port: 443}, Backend: "ns/" + service + ":443",
			Resolution: proxy.Resolution{Hosts: hosts},
		}
	}
	lost := view("v1.lost", "lost", "lost", "")
	lost.ResolveErr = errors.New("nowhere")
	local := view("v1.local", "local", "local", "", "h:1")
	local.Object.Spec.Service = nil
	got := gather.Targets([]aggregator.APIServiceView{
		view("v1.d", "d", "two", "", "h:2"), view("v1.a", "a", "one", "ca", "h:1"), view("v1.b", "b", "one", "ca", "h:1"),
		view("v1.c", "c", "one", "other ca", "h:1"), lost, local,
	}, []byte("kagg's"))
	gv := func(groups ...string) (out []schema.GroupVersion) {
		for _, g := range groups {
			out = append(out, schema.GroupVersion{Group: g, Version: "v1"})
		}
		return out
	}
	want := []gather.Target{
		{
			Key: "ns/one:443", Label: "ns/one:443", APIServices: []string{"v1.a", "v1.b"}, GroupVersions: gv("a", "b"),
			Hosts: []string{"h:1"}, ServerName: "one.ns.svc", CABundle: []byte("ca"), ExtraRoots: []byte("kagg's"),
		},
		{
			Key: "ns/one:443 2", Label: "ns/one:443", APIServices: []string{"v1.c"}, GroupVersions: gv("c"),
			Hosts: []string{"h:1"}, ServerName: "one.ns.svc", CABundle: []byte("other ca"), ExtraRoots: []byte("kagg's"),
		},
		{
			Key: "ns/two:443", Label: "ns/two:443", APIServices: []string{"v1.d"}, GroupVersions: gv("d"),
			Hosts: []string{"h:2"}, ServerName: "two.ns.svc", CABundle: []byte{}, ExtraRoots: []byte("kagg's"),
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("targets (-want +got):\n%s", d)
	}
}

func TestOneOfTwoHosts(t *testing.T) {
	t.Parallel()
	_, target, o := serve(t)
	target.Hosts = append([]string{"127.0.0.1:1"}, target.Hosts...)
	b := look(t, target, o)
	if d := cmp.Diff([]string{"KAGG020"}, codes(b)); d != "" {
		t.Errorf("codes (-want +got):\n%s", d)
	}
	if len(b.Resources) != 1 || b.Stopped != "" {
		t.Errorf("the other address was not asked: %+v", b)
	}
}

func TestInsecureIsNotVerified(t *testing.T) {
	t.Parallel()
	_, target, o := serve(t, misbehaving.CertificateOtherName, misbehaving.CertificateExpired)
	target.Insecure, target.CABundle = true, nil
	if found := codes(look(t, target, o)); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

// What is wrong beside the certificate is found with it.
func TestBadCertificateHidesNothing(t *testing.T) {
	t.Parallel()
	_, target, o := serve(t, misbehaving.CertificateExpired, misbehaving.NoTable)
	o.Write = true
	b := look(t, target, o)
	if d := cmp.Diff([]string{"KAGG022", "KAGG096"}, codes(b)); d != "" {
		t.Errorf("codes (-want +got):\n%s", d)
	}
	if b.Resources[0].DryRun != nil {
		t.Error("an object was sent to a server that is not who it says")
	}
}

func TestNothingIsWrittenUnasked(t *testing.T) {
	t.Parallel()
	_, target, o := serve(t, misbehaving.DryRunIgnored)
	if found := codes(look(t, target, o)); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

func TestTimeIsBounded(t *testing.T) {
	t.Parallel()
	_, target, o := serve(t, misbehaving.OpenAPIHangs)
	// All that comes before what hangs has to be over by then, on a busy machine too.
	o.Timeout, o.Whole = time.Minute, 5*time.Second
	start := time.Now()
	b := look(t, target, o)
	if took := time.Since(start); took > 40*time.Second || b.Stopped != check.StopTime {
		t.Errorf("it took %s and stopped for %q", took, b.Stopped)
	}
	// That nobody waited any longer is no fault of the document's.
	if d := cmp.Diff([]string{"KAGG034"}, codes(b)); d != "" {
		t.Errorf("codes (-want +got):\n%s", d)
	}
}

func TestSameBackendGivesTheSameFacts(t *testing.T) {
	t.Parallel()
	_, target, o := serve(t)
	text := func() string {
		b := look(t, target, o)
		for _, r := range []*check.Reading{b.Aggregated, b.Legacy[misbehaving.Group+"/v1"], b.OpenAPIV2, b.OpenAPIV3} {
			r.Millis = 0
		}
		for i := range b.Forged {
			// How a connection is ended for a bad certificate is chance.
			b.Forged[i].Stranger = check.Answer{}
		}
		data, err := json.MarshalIndent(b, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if d := cmp.Diff(text(), text()); d != "" {
		t.Errorf("the second look differs:\n%s", d)
	}
}

func TestRefusedOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options gather.Options
		want    string
	}{
		"key":         {gather.Options{FrontProxyCert: []byte("x"), FrontProxyKey: []byte("y")}, "front-proxy client certificate"},
		"certificate": {gather.Options{FrontProxyCert: []byte("x")}, "no certificate in PEM form"},
		"server":      {gather.Options{Server: "localhost"}, "give an https URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := gather.Gather(t.Context(), nil, c.options); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, target, o := serve(t)
	if _, err := gather.Gather(ended, []gather.Target{target}, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context ended", err)
	}
}

package conformance

import (
	"strings"
	"testing"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

// TestDemo does with kubectl what kagg demo says to try.
func TestDemo(t *testing.T) {
	t.Parallel()
	kagg := harness.StartDemo(t)
	kubectl := harness.NewKubectl(t, kagg.Kubeconfig)
	services := []string{
		"apiservice/v1.orchard.demo.kagg.dev", "apiservice/v1beta1.orchard.demo.kagg.dev", "apiservice/v1.weather.demo.kagg.dev",
	}
	kagg.Output().AwaitText(t, harness.Patience, "kubectl get apples")
	for _, service := range services {
		// One at a time: kubectl wait gives up when several are missing.
		kubectl.Command("wait", "--for=create", "--timeout=30s", service).Out(t)
	}
	kubectl.Command(append([]string{"wait", "--for=condition=Available", "--timeout=30s"}, services...)...).Out(t)
	// What they list may come a moment after that.
	kagg.Client(t).AwaitCode(t, harness.Patience, "/readyz", 200)

	wantMatch(t, kubectl.Command("api-resources", "--api-group=orchard.demo.kagg.dev").Out(t),
		`\napples +ap +orchard\.demo\.kagg\.dev/v1 +true +Apple\n$`)
	wantMatch(t, kubectl.Command("api-resources", "--api-group=weather.demo.kagg.dev").Out(t),
		`\nforecasts +fc +weather\.demo\.kagg\.dev/v1 +false +Forecast\n$`)
	wantMatch(t, kubectl.Command("get", "ap").Out(t),
		`^NAME +VARIETY +RIPE +PHASE +AGE\nboskoop +Boskoop +true +Growing +\S+\ngala +Gala +false +Growing +\S+\n$`)
	wantMatch(t, kubectl.Command("get", "fc").Out(t),
		`^CITY +SKY +CELSIUS\nbergen +rain +11\nlisbon +sunny +24\nnairobi +cloudy +21\n$`)

	watch := kubectl.Command("get", "apples", "-A", "-w").Start(t)
	awaitMatch(t, watch, `(?m)^default +gala +Gala +false +Growing`)
	kubectl.Command("patch", "apple", "gala", "--type=merge", "-p", `{"spec":{"ripe":true}}`).Out(t)
	awaitMatch(t, watch, `(?m)^default +gala +Gala +true +Growing`)
	watch.Stop(t)

	out := kubectl.Command("get", "apples.v1beta1.orchard.demo.kagg.dev", "gala", "-o", "jsonpath={.apiVersion} {.spec}").Out(t)
	if want := `orchard.demo.kagg.dev/v1beta1 {"cultivar":"Gala","ripe":true}`; out != want {
		t.Errorf("gala in v1beta1: %q, want %q", out, want)
	}
	wantMatch(t, kubectl.Command("explain", "apple.spec.variety").Out(t), `Variety is the kind of apple, such as Boskoop\.`)
	// The weather serves OpenAPI v2 only; kubectl explain reads v3.
	wantMatch(t, kubectl.Command("explain", "forecast.celsius").Out(t), `The temperature at noon, in degrees Celsius\.`)
	stderr := kubectl.Command("apply", "-f", "-").WithInput(strings.Join([]string{
		"apiVersion: orchard.demo.kagg.dev/v1", "kind: Apple", "metadata: {name: misspelt}", "spec: {varety: Elstar}", "",
	}, "\n")).Fail(t)
	wantMatch(t, stderr, `unknown field "spec\.varety"`)

	// Deleting a namespace removes what custom apiservers keep in it.
	kubectl.Command("create", "namespace", "cellar").Out(t)
	kubectl.Command("apply", "-n", "cellar", "-f", "-").WithInput(strings.Join([]string{
		"apiVersion: orchard.demo.kagg.dev/v1", "kind: Apple", "metadata: {name: stored}", "spec: {variety: Elstar}", "",
	}, "\n")).Out(t)
	kubectl.Command("delete", "namespace", "cellar", "--timeout=30s").Out(t)
	wantMatch(t, kubectl.Command("get", "apples", "-A", "-o", "name").Out(t),
		`^apple\.orchard\.demo\.kagg\.dev/boskoop\napple\.orchard\.demo\.kagg\.dev/gala\n$`)
}

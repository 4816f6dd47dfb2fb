package check_test

import (
	"testing"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/recording"
)

func TestSettled(t *testing.T) {
	t.Parallel()
	up, down := map[string]recording.Probe{"a/v1": {}}, map[string]recording.Probe{"a/v1": {Failure: "refused"}}
	for name, c := range map[string]struct {
		state *recording.State
		want  bool
	}{
		"by hand":                     {nil, true},
		"up":                          {&recording.State{Probes: up}, true},
		"down":                        {&recording.State{Probes: down, OpenAPIV2Failure: "refused"}, true},
		"up, discovery of before":     {&recording.State{Probes: up, DiscoveryFailures: map[string]string{"a/v1": "refused"}}, false},
		"up, OpenAPI of before":       {&recording.State{Probes: up, OpenAPIV3Failure: "refused"}, false},
		"discovery not asked for":     {&recording.State{DiscoveryPending: true}, false},
		"no OpenAPI asked for so far": {&recording.State{OpenAPIPending: true}, false},
	} {
		if got := check.Settled(&recording.Recording{Backends: []recording.Backend{{State: c.state}}}); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

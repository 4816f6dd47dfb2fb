package conformance

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kagg-project/kagg/conformance/internal/harness"
	"github.com/kagg-project/kagg/conformance/internal/parity"
)

const (
	// scenarios is the folder whose every subfolder is a scenario.
	scenarios = "../testdata/conformance"
	// scenariosAtOnce is how many are run at a time, each with two servers: most of them wait most of the time.
	scenariosAtOnce = 8
	// mostTold is how many differences of one request are told.
	mostTold = 10
	// summaryVariable names a file for the summary: go test shows no output of a package that passes.
	summaryVariable = "CONFORMANCE_SUMMARY"
)

// compared counts what TestScenarios compared, and collects the allowed differences that came up.
var compared struct {
	scenarios, requests, notAllowed atomic.Int64
	allowed                         sync.Map
}

// TestScenarios compares kagg with the real kube-aggregator, one scenario a subtest.
func TestScenarios(t *testing.T) {
	t.Parallel()
	all, err := parity.ReadScenarios(scenarios)
	if err != nil {
		t.Fatal(err)
	}
	free := make(chan struct{}, scenariosAtOnce)
	var running sync.WaitGroup
	for i := range all { //nolint:paralleltest // t.Parallel allows only as many as there are cores.
		running.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			t.Run(all[i].Name, func(t *testing.T) { runScenario(t, &all[i]) })
		})
	}
	running.Wait()
	if int(compared.scenarios.Load()) == len(all) {
		checkEverywhere(t, all)
	}
}

// checkEverywhere fails when a difference that is allowed in all scenarios came up in none.
func checkEverywhere(t *testing.T, all []parity.Scenario) {
	t.Helper()
	for _, a := range all[0].Allowed {
		if _, seen := compared.allowed.Load(a); a.Everywhere && !seen {
			t.Errorf("the difference %q at %q, allowed everywhere, came up in no scenario: remove it", a.Where, a.Request)
		}
	}
}

// runScenario runs a scenario, and once more, from the start, when it fails: the kube-aggregator's own controllers
// race when it starts, and leave it without a document for a minute now and then. What differs counts when it differs
// twice.
func runScenario(t *testing.T, s *parity.Scenario) {
	t.Helper()
	run := func() (*parity.Result, error) {
		return parity.Run(t.Context(), s, func(args ...string) (url, stateDir string, err error) {
			kagg := harness.StartKagg(t, args...)
			return kagg.Client(t).URL, kagg.StateDir, nil
		})
	}
	result, err := run()
	if err != nil || len(result.NotAllowed) > 0 {
		t.Logf("it is run again: %d differences not allowed, error %v", len(result.NotAllowed), err)
		result, err = run()
	}
	compared.scenarios.Add(1)
	compared.requests.Add(int64(result.Requests))
	for _, a := range result.Allowed {
		compared.allowed.Store(a, true)
	}
	compared.notAllowed.Add(int64(len(result.NotAllowed)))
	report(t, result.NotAllowed)
	if err != nil {
		t.Error(err)
	}
}

// report fails the test with the differences of every request.
func report(t *testing.T, found []parity.Difference) {
	t.Helper()
	lines := make([]string, 0, len(found))
	told := map[string]int{}
	for _, d := range found {
		if told[d.Request]++; told[d.Request] <= mostTold {
			lines = append(lines, d.String())
		}
	}
	for _, request := range slices.Sorted(maps.Keys(told)) {
		if more := told[request] - mostTold; more > 0 {
			lines = append(lines, fmt.Sprintf("%s: and %d more places", request, more))
		}
	}
	if len(lines) > 0 {
		t.Error("not allowed:\n" + strings.Join(lines, "\n"))
	}
}

// summarize writes the line that make conformance ends with, if scenarios were run.
func summarize() error {
	if compared.scenarios.Load() == 0 {
		return nil
	}
	allowed := 0
	compared.allowed.Range(func(any, any) bool { allowed++; return true })
	line := fmt.Sprintf("compared with the kube-aggregator: %d scenarios, %d requests, %d allowed differences, %d not allowed\n",
		compared.scenarios.Load(), compared.requests.Load(), allowed, compared.notAllowed.Load())
	name := os.Getenv(summaryVariable)
	if name == "" {
		_, err := os.Stdout.WriteString(line)
		return err
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.WriteString(line); err != nil {
		return err
	}
	return file.Close()
}

package parity

import (
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// everywhereFile has the differences that are allowed in all scenarios.
const everywhereFile = "everywhere.yaml"

// ReadScenarios reads every folder of dir, and the differences that are allowed everywhere. A folder without
// a scenario.yaml, a field that does not exist, and a scenario without a description or without anything that
// is compared are errors.
func ReadScenarios(dir string) ([]Scenario, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	everywhere, err := readEverywhere(filepath.Join(dir, everywhereFile))
	if err != nil {
		return nil, err
	}
	var out []Scenario
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		s, err := readScenario(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		s.Allowed = append(s.Allowed, everywhere...)
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s has no scenarios", dir)
	}
	return out, nil
}

// readEverywhere reads what is allowed in all scenarios. A scenario need not show it.
func readEverywhere(file string) ([]Allowed, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var out []Allowed
	if err := yaml.UnmarshalStrict(data, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for i := range out {
		out[i].Everywhere, out[i].Sometimes = true, true
	}
	return out, checkAllowed(file, out)
}

func readScenario(dir string) (Scenario, error) {
	file := filepath.Join(dir, "scenario.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		return Scenario{}, err
	}
	var s Scenario
	if err := yaml.UnmarshalStrict(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	s.Name, s.Dir = filepath.Base(dir), dir
	if s.Description == "" {
		return s, fmt.Errorf("%s: write a description", file)
	}
	if s.Requests() == 0 {
		return s, fmt.Errorf("%s: nothing is compared: write a step with request or conditions", file)
	}
	for i := range s.Steps {
		if r := s.Steps[i].Request; r != nil && r.Name == "" {
			r.Name = r.method() + " " + r.Path
		}
	}
	return s, checkAllowed(file, s.Allowed)
}

func checkAllowed(file string, allowed []Allowed) error {
	for _, a := range allowed {
		if a.Reason == "" || a.Where == "" || a.Request == "" {
			return fmt.Errorf("%s: an allowed difference needs request, where and reason: %+v", file, a)
		}
	}
	return nil
}

// Requests is how many times both servers are asked and compared.
func (s *Scenario) Requests() int {
	n := 0
	for i := range s.Steps {
		if s.Steps[i].Request != nil || s.Steps[i].Conditions {
			n++
		}
	}
	return n
}

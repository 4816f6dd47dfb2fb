package check_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/check/gather"
	"github.com/kagg-project/kagg/internal/golden"
	"github.com/kagg-project/kagg/internal/misbehaving"
)

// backendFile names the faults of the backend of a case.
const backendFile = "backend.yaml"

// The times of these tests are short, and a machine that is busy with others may be slow: what is found amiss has to be
// seen again.

// Each case with a backend.yaml is a backend that has the faults named there and no other: connecting to it finds the
// code of the folder and no other.
func TestBackends(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/check/*/" + backendFile)
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			code, _, _ := strings.Cut(filepath.Base(folder), "-")
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var faults struct {
				Options []misbehaving.Option
				// Keyless is for a kagg check that has no front-proxy certificate.
				Keyless bool
			}
			if err := yaml.UnmarshalStrict(data, &faults); err != nil {
				t.Fatal(err)
			}
			want := filepath.Join(folder, wantFile)
			found := lookAs(t, faults.Keyless, faults.Options...)
			if wanted, err := os.ReadFile(want); err == nil && string(wanted) != settled(lines(found)) {
				found = lookAs(t, faults.Keyless, faults.Options...) // see again
			}
			if len(found) == 0 {
				t.Errorf("%s finds nothing", code)
			}
			for _, f := range found {
				if f.Code != code {
					t.Errorf("also finds %s: %s", f.Code, f.Message)
				}
			}
			golden.Compare(t, want, settled(lines(found)))
		})
	}
}

// What is allowed is not found.
func TestGoodBackends(t *testing.T) {
	t.Parallel()
	for _, options := range [][]misbehaving.Option{
		{},
		{misbehaving.AllowsEverybody},
		{misbehaving.UnauthorizedForForbidden},
		{misbehaving.RequiresClientCertificate},
		{misbehaving.NamesNoClientCA},
		{misbehaving.DiscoveryOpenToAll},
		{misbehaving.InitialEventsRefused},
		{misbehaving.InitialEventsErrorEvent},
		{misbehaving.OldVersionReplayed},
		{misbehaving.OldVersionSilent, misbehaving.ResourceVersionsOpaque},
		{misbehaving.NoOpenAPI},
		{misbehaving.LikeMetrics},
		{misbehaving.LegacyOrdersOtherwise},
		{misbehaving.ContentChanges},
		{misbehaving.SlowAtTimes},
	} {
		names := make([]string, 0, len(options))
		for _, o := range options {
			names = append(names, string(o))
		}
		t.Run(strings.Join(names, ","), func(t *testing.T) {
			t.Parallel()
			found := look(t, options...)
			if len(found) > 0 {
				found = look(t, options...) // see again
			}
			if len(found) > 0 {
				t.Errorf("it is found wrong:\n%s", lines(found))
			}
		})
	}
}

// look connects to a backend with the given faults as an aggregator, with leave to write.
func look(t *testing.T, options ...misbehaving.Option) []check.Finding {
	t.Helper()
	return lookAs(t, false, options...)
}

// lookAs is look, without credentials where keyless.
func lookAs(t *testing.T, keyless bool, options ...misbehaving.Option) []check.Finding {
	t.Helper()
	s := serve(t, options...)
	before := s.Ships()
	o := gather.Options{
		FrontProxyCert: s.FrontProxyCert, FrontProxyKey: s.FrontProxyKey, Write: true,
		Timeout: 3 * time.Second, Settle: 300 * time.Millisecond, Patience: 2 * time.Second,
	}
	if keyless {
		o.FrontProxyCert, o.FrontProxyKey = nil, nil
	}
	seen, err := gather.Gather(t.Context(), []gather.Target{target(s)}, o)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, s.Ships()); d != "" {
		t.Errorf("the backend's objects changed:\n%s", d)
	}
	return check.Run(check.Facts{Live: seen.Backends, Now: time.Now()}, check.Checks())
}

func serve(t *testing.T, options ...misbehaving.Option) *misbehaving.Server {
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
	return s
}

func target(s *misbehaving.Server) gather.Target {
	const label = misbehaving.Namespace + "/" + misbehaving.Service + ":443"
	return gather.Target{
		Key: label, Label: label, Hosts: []string{s.Address}, ServerName: misbehaving.ServerName, CABundle: s.CABundle,
		APIServices:   []string{misbehaving.Version + "." + misbehaving.Group},
		GroupVersions: []schema.GroupVersion{{Group: misbehaving.Group, Version: misbehaving.Version}},
	}
}

// settled replaces what differs from one run to the next.
func settled(s string) string {
	for _, r := range []struct{ what, by string }{
		// How a closed connection is seen is chance.
		{`connected to: (read|write) tcp .*`, "connected to: EOF"},
		{`127\.0\.0\.1:\d+`, "HOST"},
		{`\d{4}-\d\d-\d\d(T[0-9:]+Z)?`, "DATE"},
		{`took \d+\.\d s`, "took N s"},
		{`ETag "\d+", and then "\d+"`, `ETag "N", and then "N"`},
		{`"[0-9A-F]{64}"`, `"DIGEST"`},
		{`stream ID \d+`, "stream ID N"},
	} {
		s = regexp.MustCompile(r.what).ReplaceAllString(s, r.by)
	}
	return s
}

func TestEveryOptionIsUsed(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("live_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../testdata/check/*/" + backendFile)
	if err != nil {
		t.Fatal(err)
	}
	all := string(source)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all += string(data)
	}
	words := strings.FieldsFunc(all, func(r rune) bool { return strings.ContainsRune(" \n\t,{}.", r) })
	for _, o := range misbehaving.Options() {
		camel := strings.ReplaceAll(string(o), "-", "")
		if !slices.ContainsFunc(words, func(w string) bool { return w == string(o) || strings.EqualFold(w, camel) }) {
			t.Errorf("no test has a backend with %s", o)
		}
	}
}

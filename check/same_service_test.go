package check_test

import (
	"strings"
	"testing"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/recording"
)

// twoTrusts are two APIServices that send requests to one Service and trust it by different CAs, the second by a wrong
// one: its part is unavailable, and that alone is to be said of it.
func twoTrusts(t *testing.T) recording.Files {
	t.Helper()
	files := readFiles(t, "../testdata/check/KAGG061-v2")
	objects := string(files["objects.yaml"])
	first, rest, _ := strings.Cut(objects, "---\n")
	second := strings.NewReplacer("v1.wardle", "v2.wardle", "version: v1", "version: v2", "versionPriority: 15", "versionPriority: 10").Replace(first)
	before, _, _ := strings.Cut(second, "  caBundle:")
	second = before + "  insecureSkipTLSVerify: true\n" // another trust is all that counts
	out := recording.Files{"objects.yaml": []byte(first + "---\n" + second + "---\n" + rest)}
	const one, two = "backends/wardle_api_443/", "backends/wardle_api_443_2/"
	for name, content := range files {
		if strings.HasPrefix(name, one) {
			out[name] = content
		}
	}
	out[one+"state.json"] = []byte(`{"apiServices": ["v1.wardle.example.com"], "probes": {"wardle.example.com/v1": {}},
		"forms": {"wardle.example.com/v1": "aggregated"}, "unclaimed": ["wardle.example.com/v2"]}`)
	out[two+"state.json"] = []byte(`{"apiServices": ["v2.wardle.example.com"], "probes": {"wardle.example.com/v2": {"failure": "x509: wrong CA"}},
		"forms": {"wardle.example.com/v2": "none"}, "discoveryFailures": {"wardle.example.com/v2": "x509: wrong CA"},
		"openAPIV2Failure": "x509: wrong CA", "openAPIV3Failure": "x509: wrong CA"}`)
	return out
}

func TestOneServiceTrustedInTwoWays(t *testing.T) {
	t.Parallel()
	found := run(t, twoTrusts(t))
	unavailable := 0
	for _, f := range found {
		switch f.Code {
		case "KAGG040":
			unavailable++
		case "KAGG043", "KAGG061":
			t.Errorf("it finds %s: %s", f.Code, f.Message)
		}
	}
	if unavailable != 1 {
		t.Errorf("%d APIServices are unavailable:\n%s", unavailable, lines(found))
	}
}

// Where no address can be connected to, that is why requests go through kagg, and no missing key.
func TestNotLookedAtForWantOfAConnection(t *testing.T) {
	t.Parallel()
	checks, err := check.Select([]string{"KAGG034"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for failure, want := range map[string]string{"": "for the front-proxy certificate's key is not here", "refused": "no address can be connected to"} {
		live := map[string]*check.Backend{"a/b:443": {Label: "a/b:443", Through: true, Hosts: []check.Host{{Address: "127.0.0.1:1", Failure: failure}}}}
		found := check.Run(check.Facts{Live: live}, checks)
		if len(found) != 1 || !strings.Contains(found[0].Message, want) {
			t.Errorf("failure %q: want %q in:\n%s", failure, want, lines(found))
		}
	}
}

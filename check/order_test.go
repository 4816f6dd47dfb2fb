package check_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kagg-project/kagg/recording"
)

// Only where the names say otherwise is a preferred version worth a word.
func TestPreferredLessStable(t *testing.T) {
	t.Parallel()
	template, rest, _ := strings.Cut(string(readFiles(t, "../testdata/check/KAGG019")["objects.yaml"]), "---\n")
	for versions, want := range map[string]string{
		"v1=10 v1beta1=15":              "prefers v1beta1, of versionPriority 15, to v1, of 10",
		"v1beta1=10 v1alpha1=15":        "prefers v1alpha1, of versionPriority 15, to v1beta1, of 10",
		"v1alpha1=15 v1=10 v1beta1=12":  "prefers v1alpha1, of versionPriority 15, to v1beta1, of 12",
		"v1=15 v1beta1=10":              "",
		"v1=15 v2=10":                   "",
		"v1beta1=15 v1beta2=10":         "",
		"v2beta1=10 v1=10":              "",
		"v1beta1=15":                    "",
		"preview=15 v1=10":              "",
		"v1beta1=15 preview=10 v1beta2": "",
	} {
		var objects []string
		for one := range strings.FieldsSeq(versions) {
			version, priority, _ := strings.Cut(one, "=")
			if priority == "" {
				priority = "5"
			}
			objects = append(objects, strings.NewReplacer("v1.wardle", version+".wardle", "version: v1", "version: "+version,
				"versionPriority: 15", "versionPriority: "+priority).Replace(template))
		}
		got := ""
		for _, f := range run(t, recording.Files{"objects.yaml": fmt.Appendf(nil, "%s---\n%s", strings.Join(objects, "---\n"), tail(rest))}) {
			if f.Code == "KAGG019" {
				got += f.Message
			}
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: want %q, got %q", versions, want, got)
		}
	}
}

// tail is what comes after the second APIService.
func tail(objects string) string {
	_, rest, _ := strings.Cut(objects, "---\n")
	return rest
}

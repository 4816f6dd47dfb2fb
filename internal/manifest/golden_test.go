package manifest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration/install"
)

var update = flag.Bool("update", false, "rewrite the wanted outputs")

func testScheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	install.Install(scheme)
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return scheme
}

// TestGolden reads each testdata/manifest/<case>/input.* and compares the errors with want.txt there.
func TestGolden(t *testing.T) {
	t.Parallel()
	const root = "../../testdata/manifest"
	inputs, err := filepath.Glob(root + "/*/input.*")
	if err != nil {
		t.Fatal(err)
	}
	if len(inputs) < 20 {
		t.Fatalf("found only %d inputs under %s", len(inputs), root)
	}
	for _, input := range inputs {
		dir := filepath.Dir(input)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			objects, err := Load(Options{Filenames: []string{input}, Scheme: testScheme(t)})
			if err == nil || objects != nil {
				t.Fatalf("Load = %v, %v; want errors alone", objects, err)
			}
			got := strings.ReplaceAll(err.Error(), input, filepath.Base(input)) + "\n"
			want := filepath.Join(dir, "want.txt")
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			data, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(data), got); d != "" {
				t.Errorf("errors (-want +got):\n%s", d)
			}
		})
	}
}

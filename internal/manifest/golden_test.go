package manifest

import (
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration/install"

	"github.com/kagg-project/kagg/internal/golden"
)

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
			golden.Compare(t, filepath.Join(dir, "want.txt"), got)
		})
	}
}

package harness

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// builds are the programs that were asked for in this run, each built at most once.
var builds struct {
	sync.Mutex
	dir      string // a temporary folder of the run
	programs map[string]func() (string, error)
}

// Program builds the main package in packageDir with the versions of its own
// module, at its first use in a run of the tests, and returns the binary. Tests
// that run in parallel build different programs at the same time.
func Program(t testing.TB, packageDir string) string {
	t.Helper()
	binary, err := programOnce(packageDir)()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// Prepare begins to build programs that a test will ask for, all at the same time.
func Prepare(packageDirs ...string) {
	for _, dir := range packageDirs {
		// Who asks for the program gets the error.
		go func() { _, _ = programOnce(dir)() }()
	}
}

func programOnce(packageDir string) func() (string, error) {
	builds.Lock()
	defer builds.Unlock()
	once, ok := builds.programs[packageDir]
	if !ok {
		binary := filepath.Join(builds.dir, strings.NewReplacer("/", "-", ".", "").Replace(packageDir))
		once = sync.OnceValues(func() (string, error) { return binary, build(packageDir, binary) })
		if builds.programs == nil {
			builds.programs = map[string]func() (string, error){}
		}
		builds.programs[packageDir] = once
	}
	return once
}

// build builds the main package in packageDir.
func build(packageDir, binary string) error {
	// No test's context: others wait for the same program.
	cmd := exec.Command("go", "build", "-o", binary, ".") //nolint:noctx,gosec // See above; the folder is temporary.
	cmd.Dir = packageDir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build %s: %w\n%s", packageDir, err, out)
	}
	return nil
}

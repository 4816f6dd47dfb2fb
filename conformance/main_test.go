package conformance

import (
	"fmt"
	"os"
	"testing"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

func TestMain(m *testing.M) {
	code := harness.Main(m, "../cmd/kagg")
	if err := summarize(); err != nil {
		fmt.Fprintln(os.Stderr, "writing the summary:", err)
		code = 1
	}
	os.Exit(code)
}

package conformance

import (
	"os"
	"testing"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, "../cmd/kagg"))
}

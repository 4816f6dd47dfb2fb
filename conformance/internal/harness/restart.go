package harness

import (
	"slices"
	"strconv"
	"testing"
)

// Restart stops kagg and starts it again with its state folder, on the port that it
// was told to use, and with these arguments after its own. It runs until the end of
// the test that started it first.
func (k *Kagg) Restart(t testing.TB, args ...string) {
	t.Helper()
	k.Stop(t)
	if code := k.ExitCode(); code != 0 {
		t.Fatalf("kagg ended with exit code %d", code)
	}
	k.args = append(slices.Clone(k.args), args...)
	k.start(t)
}

// OnPort is the argument that makes kagg, and each restart of it, listen on a port.
func OnPort(port int) string { return "--secure-port=" + strconv.Itoa(port) }

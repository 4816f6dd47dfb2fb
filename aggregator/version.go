package aggregator

import (
	"runtime"
	"runtime/debug"
	"strings"

	"k8s.io/apimachinery/pkg/version"
)

// libraryModule is the module whose version says which Kubernetes kagg behaves
// as.
const libraryModule = "k8s.io/apiserver"

// Version is kagg's own version, "(unknown)" in a binary without build information.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "(unknown)"
}

// ServerVersion is what /version answers: the Kubernetes release that the
// libraries are from, marked as kagg's.
func ServerVersion() *version.Info {
	release := "v0.0.0"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == libraryModule {
				release = m.Version
			}
		}
	}
	// Libraries are v0.MINOR.PATCH where Kubernetes is v1.MINOR.PATCH.
	release = "v1." + strings.TrimPrefix(release, "v0.")
	parts := strings.Split(strings.TrimPrefix(release, "v"), ".")
	return &version.Info{
		Major: parts[0], Minor: parts[1],
		GitVersion: release + "+kagg", GitTreeState: "clean",
		GoVersion: runtime.Version(), Compiler: runtime.Compiler, Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
}

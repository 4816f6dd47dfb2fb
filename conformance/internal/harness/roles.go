package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/sample-apiserver/pkg/cmd/server"

	"github.com/kagg-project/kagg/conformance/releases/informers"
)

const (
	// roleVariable makes the test binary run as another program.
	roleVariable = "KAGG_CONFORMANCE_ROLE"
	// binaryVariable is the kagg binary to test. When it is set by the user, nothing
	// is built.
	binaryVariable = "KAGG_BINARY"

	roleKubectl         = "kubectl"
	roleSampleAPIServer = "sample-apiserver"
	roleInformers       = "informers"
)

// Main is the body of TestMain: in a role it runs that role; otherwise it builds
// kagg from packageDir (unless KAGG_BINARY names one) and runs the tests. It
// returns the exit code.
func Main(m *testing.M, packageDir string) int {
	if role := os.Getenv(roleVariable); role != "" {
		return runRole(role)
	}
	dir, err := os.MkdirTemp("", "kagg-conformance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "cannot make a folder to build programs in:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	builds.dir = dir
	if os.Getenv(binaryVariable) != "" {
		return m.Run()
	}
	binary := filepath.Join(dir, "kagg")
	if err := build(packageDir, binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := os.Setenv(binaryVariable, binary); err != nil {
		fmt.Fprintln(os.Stderr, "cannot pass on where kagg is:", err)
		return 1
	}
	return m.Run()
}

// runRole is the main function of the program that the process plays.
func runRole(role string) int {
	switch role {
	case roleKubectl:
		// The command looks at os.Args itself, for plugins.
		os.Args[0] = "kubectl"
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			// It ends the process with kubectl's own message and exit code.
			kubectlutil.CheckErr(err)
		}
		return 0
	case roleSampleAPIServer:
		options := server.NewWardleServerOptions(os.Stdout, os.Stderr)
		return cli.Run(server.NewCommandStartWardleServer(genericapiserver.SetupSignalContext(), options, false))
	case roleInformers:
		if err := informers.Run(genericapiserver.SetupSignalContext(), os.Args[1:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "informers:", err)
			return 1
		}
		return 0
	default:
		fmt.Fprintf(os.Stderr, "%s=%q is no role: unset it to run the tests\n", roleVariable, role)
		return 2
	}
}

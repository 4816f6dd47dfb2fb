// The command generate writes the document of the scenarios in the folder that its first argument names to
// the file that its second names.
package main

import (
	"fmt"
	"os"

	"github.com/kagg-project/kagg/conformance/internal/parity"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: generate FOLDER FILE")
	}
	scenarios, err := parity.ReadScenarios(args[0])
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], []byte(parity.Markdown(scenarios)), 0o644) //nolint:gosec // a document for everybody
}

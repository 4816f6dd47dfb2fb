// Command generate writes docs/checks.md.
package main

import (
	"fmt"
	"os"

	"github.com/kagg-project/kagg/check"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("wrong arguments %q: give the file to write", args)
	}
	return os.WriteFile(args[0], []byte(check.Markdown(check.Checks())), 0o644) //nolint:gosec // a document of the repository
}

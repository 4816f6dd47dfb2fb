package main

import (
	"io"
	"os"
)

// Formats of what a command prints.
const (
	outputText = "text"
	outputJSON = "json"
	outputYAML = "yaml"
)

// coloured tells whether text goes to a terminal whose user did not ask for none (https://no-color.org).
func coloured(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

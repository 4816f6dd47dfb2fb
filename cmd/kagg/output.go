package main

import (
	"io"
	"os"
	"sync"
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

// oneByOne is a writer for several who write at the same time: a command, and what is told of it.
type oneByOne struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements io.Writer.
func (o *oneByOne) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(p)
}

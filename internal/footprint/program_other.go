//go:build !linux

package footprint

import "time"

// dropProgram does nothing: only Linux tells which pages are the file's.
func dropProgram() {}

// look tells nothing, so that nothing is given back.
func look() usage { return usage{} }

// processorTime tells nothing, so that the process stays on all processors.
func processorTime() time.Duration { return 0 }

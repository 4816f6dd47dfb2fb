//go:build !linux

package footprint

// dropProgram does nothing: only Linux tells which pages are the file's.
func dropProgram() {}

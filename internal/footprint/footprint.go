// Package footprint makes a process start fast and stay small.
//
// A Go process collects garbage most often while its heap is small, which is when it starts and nearly all that it
// makes is there to stay; and what only its start needed stays resident for minutes. This package changes settings
// of the whole process: it is for main packages.
package footprint

import (
	"context"
	"runtime/debug"
	"time"
)

// Settle gives the memory that the process does not use back to the system after each of the pauses, or until ctx
// ends: garbage, and the parts of the program itself that nothing runs any more. They are read again when they are
// needed, from the page cache. It returns at the end of the last pause.
func Settle(ctx context.Context, pauses ...time.Duration) {
	for _, pause := range pauses {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		debug.FreeOSMemory()
		dropProgram()
	}
}

// Command informers runs informers with client-go v0.33.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/kagg-project/kagg/conformance/releases/informers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := informers.Run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "informers:", err)
		os.Exit(1) //nolint:gocritic // Nothing is left to stop.
	}
}

package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/kagg-project/kagg/aggregator"
)

func newVersionCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of kagg and of the Kubernetes that it behaves as",
		Long:    "Version prints the version of kagg, and the Kubernetes release that it behaves as.\n" + exitCodes,
		Example: `  kagg version`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			own := "(unknown)"
			if info, ok := debug.ReadBuildInfo(); ok {
				own = info.Main.Version
			}
			_, err := fmt.Fprintf(s.Out, "kagg %s\nKubernetes %s\n", own, aggregator.ServerVersion().GitVersion)
			return err
		},
	}
}

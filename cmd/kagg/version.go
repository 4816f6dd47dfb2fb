package main

import (
	"fmt"

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
			_, err := fmt.Fprintln(s.Out, versions())
			return err
		},
	}
}

// versions are a line each.
func versions() string {
	return fmt.Sprintf("kagg %s\nKubernetes %s", aggregator.Version(), aggregator.ServerVersion().GitVersion)
}

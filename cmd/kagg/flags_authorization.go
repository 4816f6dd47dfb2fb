package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kagg-project/kagg/aggregator"
)

// authorizationFlags are the flags of who may do what.
type authorizationFlags struct{ modes []string }

func (f *authorizationFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.modes, "authorization-mode", []string{string(aggregator.AuthorizationAlwaysAllow)},
		"who may do what: AlwaysAllow lets everyone do everything who is let in; RBAC decides by Roles, ClusterRoles and their bindings, and says what would allow a refused request; AlwaysDeny; several are asked in order, separated by commas")
}

func (f *authorizationFlags) complete() ([]aggregator.AuthorizationMode, error) {
	modes, err := aggregator.ParseAuthorizationModes(f.modes)
	if err != nil {
		return nil, fmt.Errorf("--authorization-mode: %w", err)
	}
	return modes, nil
}

// completeAuthorizationModes makes completion offer the modes.
func completeAuthorizationModes(cmd *cobra.Command) {
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("authorization-mode",
		cobra.FixedCompletions(aggregator.AuthorizationModes(), cobra.ShellCompDirectiveNoFileComp)))
}

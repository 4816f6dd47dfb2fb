package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kagg-project/kagg/aggregator"
)

// serviceAccountFlags are the flags of the tokens of ServiceAccounts.
type serviceAccountFlags struct{ extend bool }

func (f *serviceAccountFlags) addFlags(flags *pflag.FlagSet, c *aggregator.ServiceAccounts) {
	flags.StringArrayVar(&c.Issuers, "service-account-issuer", nil, "who ServiceAccounts' tokens say made them; repeatable: the first makes new ones, all are accepted; an https URL, for discovery to be served (default "+aggregator.DefaultServiceAccountIssuer+")")
	flags.StringVar(&c.SigningKeyFile, "service-account-signing-key-file", "", "PEM file of the RSA or ECDSA private key that signs ServiceAccounts' tokens, in place of the one that kagg makes")
	flags.StringArrayVar(&c.KeyFiles, "service-account-key-file", nil, "PEM file of RSA or ECDSA keys, public or private, that ServiceAccounts' tokens are verified with, beside the signing key; repeatable")
	flags.StringSliceVar(&c.APIAudiences, "api-audiences", nil, "audiences of which a token must be for one (default --service-account-issuer)")
	flags.DurationVar(&c.MaxExpiration, "service-account-max-token-expiration", 0, "the longest life of a requested token, 1h to 2^32s; a longer one is shortened; 0 for none")
	flags.BoolVar(&f.extend, "service-account-extend-token-expiration", true, "let tokens of pods that ask for 3607 seconds, as kubelets do, live for a year")
	flags.StringVar(&c.JWKSURI, "service-account-jwks-uri", "", "https URL that the discovery document names for the keys, in place of kagg's own /openid/v1/jwks")
}

func (f *serviceAccountFlags) complete(c *aggregator.ServiceAccounts) { c.FixedExpiration = !f.extend }

// markServiceAccountFiles makes completion offer files.
func markServiceAccountFiles(cmd *cobra.Command) {
	for _, name := range []string{"service-account-signing-key-file", "service-account-key-file"} {
		cobra.CheckErr(cmd.MarkFlagFilename(name))
	}
}

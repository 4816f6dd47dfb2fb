package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kagg-project/kagg/internal/pki"
)

func newCertCommand(s streams) *cobra.Command {
	var namespace, stateDir string
	var hosts []string
	cmd := &cobra.Command{
		Use:   "cert SERVICE",
		Short: "Make a serving certificate for a custom apiserver",
		Long: `Cert makes a serving certificate for the apiserver behind a Service, signed by the CA
in --state-dir, and prints the flags to start the apiserver with. kagg trusts it without a
caBundle in the APIService. The certificate is valid for SERVICE.NAMESPACE.svc, localhost,
127.0.0.1 and ::1; one that exists and is still good is used again.
` + exitCodes,
		Example: `  # For spec.service {namespace: wardle, name: api}
  kagg cert -n wardle api

  # Straight into the command line of the apiserver
  ./my-apiserver --secure-port=8443 $(kagg cert -n wardle api)`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one Service, as in kagg cert -n NAMESPACE SERVICE")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			state, err := pki.Ensure(stateDir, pki.Options{})
			if err != nil {
				return err
			}
			if slices.Contains(state.Changed, state.ClusterCA.CertFile) {
				_, _ = fmt.Fprintf(s.Err, "kagg: made new certificate authorities in %s; a kagg that serves with another --state-dir does not trust this certificate\n", stateDir)
			}
			certFile, keyFile, err := state.IssueServing(namespace, args[0], hosts...)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.Out, "--tls-cert-file=%s --tls-private-key-file=%s\n", certFile, keyFile)
			return err
		},
	}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "default", "namespace of the Service")
	cmd.Flags().StringVar(&stateDir, "state-dir", ".kagg", "the folder with kagg's certificates; made when missing")
	cmd.Flags().StringSliceVar(&hosts, "host", nil, "further DNS name or IP address that the certificate is to be valid for; repeatable")
	cobra.CheckErr(cmd.MarkFlagDirname("state-dir"))
	return cmd
}

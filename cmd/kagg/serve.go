package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/footprint"
)

func newServeCommand(s streams) *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve [-f FILENAME]...",
		Short: "Serve the APIs of the custom apiservers that the given objects name",
		Long: `Serve reads APIServices, Services, EndpointSlices and other objects from YAML or
JSON, serves them, and sends requests for each APIService's group and version to the
custom apiserver behind it. Files are watched: a change is live at once.

On the first start it makes certificates and two kubeconfigs in --state-dir:
  kubeconfig             for kubectl, as an administrator
  apiserver.kubeconfig   for custom apiservers, to authenticate and authorize with

A service is found by, in this order: --endpoint; the annotation kagg.dev/endpoint on
the APIService or the Service; the Service's type ExternalName; its EndpointSlices.
` + exitCodes,
		Example: `  # Everything in a folder, with its subfolders
  kagg serve -f ./manifests -R

  # An apiserver on a port of this machine, with no Service written
  kagg serve -f apiservice.yaml --endpoint wardle/api=127.0.0.1:8443

  # As a cluster would do it, to reproduce what it does
  kagg serve -f ./manifests --profile=upstream`,
		Args:              noArguments("files and folders are given with -f"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := f.complete(cmd.Flags())
			if err != nil {
				return err
			}
			return serve(cmd.Context(), config, f.logging, s, nil)
		},
	}
	f.addInputFlags(cmd.Flags())
	f.addFlags(cmd.Flags())
	markFiles(cmd)
	return cmd
}

// markFiles makes completion offer files and folders where a flag takes one.
func markFiles(cmd *cobra.Command) {
	for _, name := range []string{"tls-cert-file", "tls-private-key-file", "client-ca-file", "token-auth-file", "requestheader-client-ca-file", "proxy-client-cert-file", "proxy-client-key-file"} {
		cobra.CheckErr(cmd.MarkFlagFilename(name))
	}
	markServiceAccountFiles(cmd)
	completeAuthorizationModes(cmd)
	markStorageFiles(cmd)
	markObservability(cmd)
	cobra.CheckErr(cmd.MarkFlagDirname("state-dir"))
	profiles := []string{string(aggregator.ProfileDev), string(aggregator.ProfileUpstream)}
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("profile", cobra.FixedCompletions(profiles, cobra.ShellCompDirectiveNoFileComp)))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("logging-format", cobra.FixedCompletions([]string{formatText, formatJSON}, cobra.ShellCompDirectiveNoFileComp)))
}

// serve runs an aggregator until ctx ends. then, where there is one, runs once
// it listens.
func serve(ctx context.Context, config aggregator.Config, l logging, s streams, then func(*aggregator.Aggregator, *console) error) error {
	out, err := newConsole(s.Err, l.format)
	if err != nil {
		return err
	}
	config.Stdin = s.In
	config.OnEvent = out.event
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.SetLog != nil {
		if err := s.SetLog(l, s.Err, func() bool { return ctx.Err() != nil }); err != nil {
			return err
		}
	}
	running, err := aggregator.Start(ctx, config)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // told to stop while it started
	}
	if err != nil {
		return err
	}
	out.event(aggregator.Event{Subject: "kagg", Message: "serves at " + running.URL()})
	out.say(welcome(running))
	footprint.Started()
	go footprint.Settle(ctx)
	go footprint.Concentrate(ctx)
	if then != nil {
		err = then(running, out)
		if err != nil {
			cancel()
		}
	}
	running.Wait()
	if err == nil {
		out.event(aggregator.Event{Subject: "kagg", Message: "stopped"})
	}
	return err
}

// welcome says what to type next.
func welcome(a *aggregator.Aggregator) string {
	state := a.State()
	var b strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format+"\n", args...) }
	line("")
	line("  kubectl               export KUBECONFIG=%s", state.Kubeconfig)
	line("  a custom apiserver    --kubeconfig=%[1]s --authentication-kubeconfig=%[1]s --authorization-kubeconfig=%[1]s", state.APIServerKubeconfig)
	line("  its certificate       kagg cert --state-dir=%s -n NAMESPACE SERVICE", state.Dir)
	line("")
	return b.String()
}

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/server/options"
	auditlog "k8s.io/apiserver/plugin/pkg/audit/log"

	"github.com/kagg-project/kagg/aggregator"
)

// observabilityFlags are the flags of what is recorded of requests, and of how
// many are served.
type observabilityFlags struct {
	inFlight, mutating, minTimeout int
}

// addFlags adds them; those of audit and tracing are the library's own.
func (f *observabilityFlags) addFlags(flags *pflag.FlagSet, o *aggregator.Observability) {
	o.Audit = options.NewAuditOptions()
	o.Audit.AddFlags(flags)
	path := flags.Lookup("audit-log-path")
	path.Usage = "the file that audit events are appended to, made private; - for standard output, where nothing else goes while kagg serves"
	flags.StringVar(&o.TracingConfigFile, "tracing-config-file", "", "file with a TracingConfiguration (apiserver.config.k8s.io/v1), which says where spans of requests are sent, and of how many")
	flags.BoolVar(&o.EnablePriorityAndFairness, "enable-priority-and-fairness", false, "queue and refuse requests by FlowSchemas and PriorityLevelConfigurations, in place of the plain limits, whose sum the levels share")
	flags.IntVar(&f.inFlight, "max-requests-inflight", aggregator.DefaultMaxRequestsInFlight, "reading requests that are served at once; more get 429; 0 for no limit")
	flags.IntVar(&f.mutating, "max-mutating-requests-inflight", aggregator.DefaultMaxMutatingRequestsInFlight, "changing requests that are served at once; more get 429; 0 for no limit")
	flags.DurationVar(&o.RequestTimeout, "request-timeout", aggregator.DefaultRequestTimeout, "how long a request may take that is not long-running, as a watch is")
	flags.IntVar(&f.minTimeout, "min-request-timeout", int(aggregator.DefaultMinRequestTimeout/time.Second), "the shortest time, in seconds, that a watch of the local APIs lasts which names no timeout; the longest is twice that; 0 for no end")
	flags.Float64Var(&o.GoawayChance, "goaway-chance", 0, "the chance, 0 to 0.02, that an HTTP/2 client is told to connect anew after a request")
	flags.IntVar(&o.HTTP2MaxStreamsPerConnection, "http2-max-streams-per-connection", 0, "requests that a client may have on one connection at once; 0 for the library's 100")
	flags.StringSliceVar(&o.StrictTransportSecurity, "strict-transport-security-directives", nil, "directives of the Strict-Transport-Security header: max-age=SECONDS, includeSubDomains, preload (default no header)")
}

// complete checks the flags and fills what they do not set themselves.
func (f *observabilityFlags) complete(o *aggregator.Observability) error {
	switch {
	case o.RequestTimeout == 0:
		return usageError{errors.New("--request-timeout 0s: no request could end in time: use one like 1m, or leave it out")}
	case f.minTimeout < 0:
		return usageError{fmt.Errorf("--min-request-timeout %d: use a number of seconds, or 0 for watches without an end", f.minTimeout)}
	}
	o.MaxRequestsInFlight, o.MaxMutatingRequestsInFlight = &f.inFlight, &f.mutating
	o.MinRequestTimeout = time.Duration(f.minTimeout) * time.Second
	if f.minTimeout == 0 {
		o.MinRequestTimeout = -1
	}
	if err := o.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

// markObservability makes completion offer files and the known values.
func markObservability(cmd *cobra.Command) {
	for _, name := range []string{"audit-policy-file", "audit-log-path", "audit-webhook-config-file", "tracing-config-file"} {
		cobra.CheckErr(cmd.MarkFlagFilename(name))
	}
	for name, values := range map[string][]string{
		"audit-log-format":   auditlog.AllowedFormats,
		"audit-log-mode":     options.AllowedModes,
		"audit-webhook-mode": options.AllowedModes,
	} {
		cobra.CheckErr(cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
	}
}

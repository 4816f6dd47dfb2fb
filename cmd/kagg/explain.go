package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/explain"
	"github.com/kagg-project/kagg/recording"
)

// explainFlags are the flags of kagg explain, before they are checked.
type explainFlags struct {
	source sourceFlags
	output string
	as     explain.Impersonation
}

func newExplainCommand(s streams) *cobra.Command {
	f := &explainFlags{source: sourceFlags{unavailable: true}}
	cmd := &cobra.Command{
		Use:   "explain TARGET... [-- COMMAND...]",
		Short: "Say why the merged API is as it is",
		Long: `Explain says of each target what became of it, every decision that led there with its
rule, who won and who lost by what margin, where the real kube-aggregator decides the
same, and what would change it. It asks a running kagg for a recording of itself, or
reads one with -f, and runs the same functions on it: both print the same.

Targets:
  group/NAME              where a group is listed, and which version is preferred
  version/GROUP/VERSION   who serves a group-version, and why it is stale; the group
                          without a name is called core, as in version/core/v1
  resource/NAME[.GROUP]   what kubectl takes a plural, singular, short name or kind for
  definition/NAME         whose an OpenAPI v2 definition is, and what was renamed
  path/URL-PATH           whose an OpenAPI path is, and who answers it
  apiservice/NAME         whether an APIService is available, and what it brings
  request METHOD PATH     who answers a request, what the backend sees, whether the
                          user may; the user is kagg's administrator, or --as

Output is text, in colour on a terminal unless NO_COLOR is set; with -o json or yaml, a
list with one explanation a target.

What is looked at in place of a running kagg:
` + commandHelp + exitCodes,
		Example: `  # Why is this version the preferred one?
  kagg explain group/orchard.demo.kagg.dev

  # Who gets this request, and as whom?
  kagg explain request GET /apis/orchard.demo.kagg.dev/v1/apples --as ann --as-group pickers

  # Of an apiserver that does not run yet
  kagg explain group/wardle.example.com -- ./my-apiserver

  # Of a folder that kagg recorded, without a running kagg
  kagg explain -f ./recorded resource/ap definition/io.example.Apple`,
		Args: func(cmd *cobra.Command, args []string) error {
			own, _ := f.source.command(cmd, args)
			_, err := explain.Parse(own, f.as)
			return err
		},
		ValidArgsFunction: f.completeTargets,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, args); err != nil {
				return err
			}
			own, command := f.source.command(cmd, args)
			targets, err := explain.Parse(own, f.as)
			if err != nil {
				return usageError{err}
			}
			return f.run(cmd, s, command, targets)
		},
	}
	f.addFlags(cmd)
	return cmd
}

func (f *explainFlags) addFlags(cmd *cobra.Command) {
	f.source.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", outputText, "text, json or yaml")
	flags.StringVar(&f.as.User, "as", "", "user that requests are made for, as with kubectl: a name, or system:serviceaccount:NAMESPACE:NAME")
	flags.StringVar(&f.as.UID, "as-uid", "", "UID of the user of --as")
	flags.StringArrayVar(&f.as.Groups, "as-group", nil, "group of the user of --as; repeatable")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outputText, outputJSON, outputYAML}, cobra.ShellCompDirectiveNoFileComp)))
}

func (f *explainFlags) check(cmd *cobra.Command, args []string) error {
	switch f.output {
	case outputText, outputJSON, outputYAML:
	default:
		return usageError{fmt.Errorf("unknown --output %q: use %s, %s or %s", f.output, outputText, outputJSON, outputYAML)}
	}
	return f.source.check(cmd, args)
}

// run explains every target that there is, and fails if there is one that there is not.
func (f *explainFlags) run(cmd *cobra.Command, s streams, command []string, targets []explain.Target) error {
	recorded, err := f.record(cmd, s, command)
	if err != nil {
		return err
	}
	replay, err := f.source.replay(recorded)
	if err != nil {
		return err
	}
	var errs []error
	explanations := make([]explain.Explanation, 0, len(targets))
	for _, target := range targets {
		e, err := explain.Explain(cmd.Context(), replay, target)
		if _, unknown := errors.AsType[*explain.UnknownError](err); err != nil && !unknown {
			return usageError{err}
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		explanations = append(explanations, e)
	}
	if len(explanations) > 0 {
		errs = append(errs, f.print(s.Out, explanations))
	}
	return errors.Join(errs...)
}

// record returns what the targets are looked for in. Objects in files are taken as they are: their backends are not
// asked.
func (f *explainFlags) record(cmd *cobra.Command, s streams, command []string) (*recording.Recording, error) {
	if len(command) == 0 {
		// The local APIs, started for files that lack them, are no news.
		if err := f.source.quiet(s); err != nil {
			return nil, err
		}
		r, err := f.source.replayFlags.record(cmd.Context(), s.In, aggregator.RecordOptions{})
		return r, interrupted(cmd.Context(), err)
	}
	return f.source.record(cmd, s, command, aggregator.RecordOptions{})
}

func (f *explainFlags) print(out io.Writer, explanations []explain.Explanation) error {
	switch f.output {
	case outputJSON:
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(explanations)
	case outputYAML:
		data, err := yaml.Marshal(explanations)
		if err != nil {
			return err
		}
		_, err = out.Write(data)
		return err
	}
	texts := make([]string, 0, len(explanations))
	for _, e := range explanations {
		texts = append(texts, e.Text(coloured(out)))
	}
	_, err := io.WriteString(out, strings.Join(texts, "\n"))
	return err
}

// completionPatience is how long a person who presses the tabulator key waits.
const completionPatience = 2 * time.Second

// completeTargets completes kinds, and then the names that a running kagg or a recorded folder has.
func (f *explainFlags) completeTargets(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if afterDash(cmd, args) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	if n := len(args); n > 0 && args[n-1] == string(explain.KindRequest) {
		return []string{"GET", "POST", "PUT", "PATCH", "DELETE"}, cobra.ShellCompDirectiveNoFileComp
	}
	kind, _, named := strings.Cut(word, "/")
	if !named {
		kinds := make([]string, 0, len(explain.Kinds()))
		for _, k := range explain.Kinds() {
			if k == explain.KindRequest {
				kinds = append(kinds, string(k))
				continue
			}
			kinds = append(kinds, string(k)+"/")
		}
		return kinds, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	recorded, err := f.source.recordQuickly(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	replay, err := aggregator.NewReplay(recorded)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return explain.Targets(replay, explain.Kind(kind)), cobra.ShellCompDirectiveNoFileComp
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/explain"
	"github.com/kagg-project/kagg/internal/manifest"
)

// Values of --form.
const (
	formAggregated = "aggregated"
	formGroups     = "groups"
)

func newMergeDiscoveryCommand(s streams) *cobra.Command {
	f := &mergeFlags{}
	var form string
	cmd := &cobra.Command{
		Use:   "discovery [-f FILENAME]... [--decisions] [-- COMMAND...]",
		Short: "Print the merged discovery document of /apis",
		Long: `Discovery prints the APIGroupDiscoveryList that kagg serves at /apis, or with
--form=groups the APIGroupList, which older clients ask for.

` + sourceHelp + exitCodes,
		Example: `  # Of the running kagg
  kagg merge discovery

  # Why a version is preferred, a group stale, or a short name another's
  kagg merge discovery --decisions

  # What the backends of some manifests make of it, without kagg's own APIs
  kagg merge discovery -f ./manifests --local=false -o yaml`,
		Args:              noDocumentArguments(&f.source),
		ValidArgsFunction: completeCommand(nil),
		RunE: func(cmd *cobra.Command, args []string) error {
			if form != formAggregated && form != formGroups {
				return usageError{fmt.Errorf("unknown --form %q: use %s or %s", form, formAggregated, formGroups)}
			}
			return f.run(cmd, s, args, false, func(_ *aggregator.Replay, now *aggregator.Snapshot) (merged, error) {
				encode := now.DiscoveryJSON
				if form == formGroups {
					encode = now.GroupsJSON
				}
				return merged{document: withoutNotes(encode), decisions: explain.DiscoveryDecisions(now.Discovery().Decisions)}, nil
			})
		},
	}
	f.addFlags(cmd)
	cmd.Flags().StringVar(&form, "form", formAggregated, "aggregated: the APIGroupDiscoveryList; groups: the APIGroupList")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("form", cobra.FixedCompletions([]string{formAggregated, formGroups}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func newMergeOpenAPIV2Command(s streams) *cobra.Command {
	f := &mergeFlags{}
	cmd := &cobra.Command{
		Use:   "openapi-v2 [-f FILENAME]... [--decisions] [-- COMMAND...]",
		Short: "Print the merged OpenAPI v2 document of /openapi/v2",
		Long: `Openapi-v2 prints the document that kagg serves at /openapi/v2. A merge that fails, as
it would fail in a kube-aggregator, is an error; --decisions shows how far it came.

` + sourceHelp + exitCodes,
		Example: `  # Why a definition became Foo_v2, and how the two differ
  kagg merge openapi-v2 --decisions

  # The OpenAPI of an apiserver alone
  kagg merge openapi-v2 --local=false -- ./my-apiserver --etcd-servers=http://127.0.0.1:2379`,
		Args:              noDocumentArguments(&f.source),
		ValidArgsFunction: completeCommand(nil),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd, s, args, false, func(_ *aggregator.Replay, now *aggregator.Snapshot) (merged, error) {
				result, err := now.OpenAPIV2()
				return merged{
					document: withoutNotes(now.OpenAPIV2JSON), err: err,
					decisions: explain.OpenAPIDecisions(explain.AreaOpenAPIV2, result.Decisions),
				}, nil
			})
		},
	}
	f.addFlags(cmd)
	return cmd
}

func newMergeOpenAPIV3Command(s streams) *cobra.Command {
	f := &mergeFlags{}
	cmd := &cobra.Command{
		Use:   "openapi-v3 [KEY] [-f FILENAME]... [--decisions] [-- COMMAND...]",
		Short: "Print the merged OpenAPI v3 index of /openapi/v3, and its documents",
		Long: `Openapi-v3 prints one JSON object: its "paths" are the index that kagg serves at
/openapi/v3, its "documents" those of every key of the index that a backend owns, as
they are served: the backend's own, or converted from its OpenAPI v2.

With a KEY of the index it prints that document alone, as /openapi/v3/KEY serves it.

` + sourceHelp + exitCodes,
		Example: `  # What an apiserver describes, without running a cluster
  kagg merge openapi-v3 -- ./my-apiserver > openapi.json

  # The document of one group-version
  kagg merge openapi-v3 apis/wardle.example.com/v1alpha1

  # Who serves what, and what a conversion from OpenAPI v2 loses
  kagg merge openapi-v3 --decisions`,
		Args: func(cmd *cobra.Command, args []string) error {
			if own, _ := f.source.command(cmd, args); len(own) > 1 {
				return fmt.Errorf("%s takes one KEY, not %q: several documents one after the other are no JSON, and without a KEY all of them are printed as one", cmd.CommandPath(), own)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			own, _ := f.source.command(cmd, args)
			if len(own) > 0 && f.decisions {
				return usageError{errors.New("--decisions is about the whole of OpenAPI v3: leave the KEY out")}
			}
			return f.run(cmd, s, args, !f.decisions, func(replay *aggregator.Replay, now *aggregator.Snapshot) (merged, error) {
				return mergedV3(replay, now, own)
			})
		},
	}
	cmd.ValidArgsFunction = completeCommand(f.keys)
	f.addFlags(cmd)
	return cmd
}

func mergedV3(replay *aggregator.Replay, now *aggregator.Snapshot, own []string) (merged, error) {
	m := merged{decisions: explain.OpenAPIDecisions(explain.AreaOpenAPIV3, now.OpenAPIV3().Decisions)}
	if len(own) == 0 {
		m.document = func() ([]byte, []string, error) { return encodeV3(replay, now) }
		return m, nil
	}
	key := aggregator.OpenAPIV3Key(own[0])
	if _, known := now.OpenAPIV3().Owners[key]; !known {
		mend := "kagg merge openapi-v3 prints them all"
		if near := manifest.Nearest(key, now.OpenAPIV3Keys()); len(near) > 0 {
			mend = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return m, fmt.Errorf("the index of /openapi/v3 has no key %q: %s", key, mend)
	}
	m.document = withoutNotes(func() ([]byte, error) { return replay.OpenAPIV3JSON(now, key) })
	return m, nil
}

func encodeV3(replay *aggregator.Replay, now *aggregator.Snapshot) ([]byte, []string, error) {
	v3, err := replay.OpenAPIV3(now)
	if err != nil {
		return nil, nil, err
	}
	notes := make([]string, 0, len(v3.Unrecorded))
	for _, lacks := range v3.Unrecorded {
		notes = append(notes, "left out of the documents: "+lacks.Error())
	}
	content, err := v3.Encode()
	return content, notes, err
}

// keys are offered for completion; none where they cannot be had at once.
func (f *mergeFlags) keys(cmd *cobra.Command) []string {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	r, err := f.source.recordQuickly(ctx)
	if err != nil {
		return nil
	}
	replay, err := aggregator.NewReplay(r)
	if err != nil {
		return nil
	}
	return replay.Snapshot.OpenAPIV3Keys()
}

// noDocumentArguments refuses arguments before "--".
func noDocumentArguments(f *sourceFlags) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		own, _ := f.command(cmd, args)
		return noArguments("files are given with -f, a command after --")(cmd, own)
	}
}

// afterDash tells whether a word is completed that stands after a command's first.
// cobra ends the arguments with a "--" of its own, so that the first looks like those
// before it.
func afterDash(cmd *cobra.Command, args []string) bool {
	dash := cmd.ArgsLenAtDash()
	return dash >= 0 && dash < len(args)
}

// completeCommand completes the first word by own, and programs and files where that
// has nothing.
func completeCommand(own func(*cobra.Command) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if own == nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return own(cmd), cobra.ShellCompDirectiveDefault
	}
}

// withoutNotes is for documents that nothing is said about.
func withoutNotes(encode func() ([]byte, error)) func() ([]byte, []string, error) {
	return func() ([]byte, []string, error) {
		content, err := encode()
		return content, nil, err
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/explain"
	"github.com/kagg-project/kagg/internal/manifest"
)

func newMergeCommand(s streams) *cobra.Command {
	documents := []*cobra.Command{newMergeDiscoveryCommand(s), newMergeOpenAPIV2Command(s), newMergeOpenAPIV3Command(s)}
	cmd := &cobra.Command{
		Use:   "merge",
		Short: "Print the merged discovery or OpenAPI, or how it came about",
		Long: `Merge prints a merged document to standard output, as kagg serves it, byte by byte;
with --decisions it prints what the merge decided in place of the document, by which
rule, who won and who lost. With --record it also writes the folder that -f reads
offline: a merge that was seen once can be studied, attached to a bug report, and put
in a test.
` + exitCodes,
		Example: `  # The OpenAPI v3 of an apiserver that does not run yet
  kagg merge openapi-v3 -- ./my-apiserver

  # Why the groups of the running kagg stand in this order
  kagg merge discovery --decisions

  # Keep what the merge was made of, and merge it again
  kagg merge openapi-v2 --record ./seen >/dev/null
  kagg merge openapi-v2 -f ./seen`,
		Args: func(_ *cobra.Command, args []string) error {
			names := make([]string, 0, len(documents))
			for _, d := range documents {
				names = append(names, d.Name())
			}
			if len(args) == 0 {
				return fmt.Errorf("name the document to merge: %s", strings.Join(names, ", "))
			}
			if near := manifest.Nearest(args[0], names); len(near) > 0 {
				return fmt.Errorf("kagg has no document %q to merge: did you mean %s?", args[0], strings.Join(near, " or "))
			}
			return fmt.Errorf("kagg has no document %q to merge: name one of %s", args[0], strings.Join(names, ", "))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(documents...)
	return cmd
}

// mergeFlags are those of every document.
type mergeFlags struct {
	source    sourceFlags
	output    string
	decisions bool
	local     bool
	folder    string
}

func (f *mergeFlags) addFlags(cmd *cobra.Command) {
	f.source.addFlags(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "json or yaml; text too with --decisions, and then the default")
	flags.BoolVar(&f.decisions, "decisions", false, "print what the merge decided, in place of the document")
	flags.BoolVar(&f.local, "local", true, "merge kagg's own APIs too, as it does when it serves; false: those of backends alone")
	flags.StringVar(&f.folder, "record", "", "write what the merge is made of to this folder too, which -f reads; an older recording in it is replaced")
	cobra.CheckErr(cmd.MarkFlagDirname("record"))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outputJSON, outputYAML, outputText}, cobra.ShellCompDirectiveNoFileComp)))
}

// check finds what is wrong with the flags, and sets the default of --output.
func (f *mergeFlags) check(cmd *cobra.Command, args []string) error {
	known := []string{outputJSON, outputYAML}
	if f.decisions {
		known = append(known, outputText)
	}
	switch {
	case f.output == "" && f.decisions:
		f.output = outputText
	case f.output == "":
		f.output = outputJSON
	case !slices.Contains(known, f.output):
		return usageError{fmt.Errorf("unknown --output %q: use %s", f.output, strings.Join(known, " or "))}
	}
	return f.source.check(cmd, args)
}

// merged is what there is to print of one kind of document.
type merged struct {
	// document returns it in JSON, with notes for people.
	document  func() (content []byte, notes []string, err error)
	decisions []explain.Decision
	// err is why there is no document.
	err error
}

// run records, merges by what pick says, and prints.
func (f *mergeFlags) run(cmd *cobra.Command, s streams, args []string, v3 bool, pick func(*aggregator.Replay, *aggregator.Snapshot) (merged, error)) error {
	if err := f.check(cmd, args); err != nil {
		return err
	}
	_, command := f.source.command(cmd, args)
	recorded, err := f.source.record(cmd, s, command, aggregator.RecordOptions{V3: v3 || f.folder != ""})
	if err != nil {
		return err
	}
	if f.folder != "" {
		files, err := recorded.Files()
		if err != nil {
			return err
		}
		if err := files.Write(f.folder); err != nil {
			return err
		}
	}
	replay, err := aggregator.NewReplay(recorded)
	if err != nil {
		return err
	}
	snapshot := replay.Snapshot
	warnUnavailable(s.Err, snapshot)
	if !f.local {
		snapshot = snapshot.WithoutLocal()
	}
	m, err := pick(replay, snapshot)
	if err != nil {
		return err
	}
	return f.print(s, m)
}

// warnUnavailable tells whose documents may be missing, or older than the others.
func warnUnavailable(out io.Writer, s *aggregator.Snapshot) {
	for _, v := range s.APIServices() {
		if v.Condition.Status == apiregistrationv1.ConditionFalse {
			_, _ = fmt.Fprintf(out, "%s is not available: %s\n", v.Object.Name, v.Condition.Message)
		}
	}
}

func (f *mergeFlags) print(s streams, m merged) error {
	if f.decisions {
		return errors.Join(f.printDecisions(s.Out, m), m.err)
	}
	if m.err != nil {
		return fmt.Errorf("%w: --decisions shows what was decided before", m.err)
	}
	content, notes, err := m.document()
	if err != nil {
		return err
	}
	for _, note := range notes {
		_, _ = fmt.Fprintln(s.Err, note)
	}
	if f.output == outputYAML {
		if content, err = yaml.JSONToYAML(content); err != nil {
			return err
		}
	}
	_, err = s.Out.Write(content)
	return err
}

func (f *mergeFlags) printDecisions(out io.Writer, m merged) error {
	if f.output == outputText {
		_, err := io.WriteString(out, explain.DecisionsText(m.decisions, coloured(out)))
		return err
	}
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(m.decisions); err != nil {
		return err
	}
	data := content.Bytes()
	if f.output == outputYAML {
		var err error
		if data, err = yaml.JSONToYAML(data); err != nil {
			return err
		}
	}
	_, err := out.Write(data)
	return err
}

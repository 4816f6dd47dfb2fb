package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/check/gather"
	"github.com/kagg-project/kagg/check/report"
	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/recording"
)

// never is the value of --fail-on that no finding reaches.
const never = "never"

// checkFlags are the flags of kagg check.
type checkFlags struct {
	sourceFlags
	connectFlags
	output   string
	failOn   string
	only     []string
	disable  []string
	list     bool
	describe string
}

func newCheckCommand(s streams) *cobra.Command {
	f := &checkFlags{sourceFlags: sourceFlags{unavailable: true}}
	cmd := &cobra.Command{
		Use:   "check [-f FILENAME]... [-- COMMAND...]",
		Short: "Find what is wrong with objects and backends before their users do",
		Long: `Check looks at a running kagg, or at files, and tells what is wrong with the APIServices,
Services and backends: what, where, who breaks on it, and what mends it. Each finding has
a code that stays the same; --list names all, --describe prints one's page, and
docs/checks.md has them all.

Files are manifests, or a folder that kagg recorded, with what each backend said. What
is looked at in place of both:
` + commandHelp + `
The backends of a running kagg, and such a command, are connected to: their certificates, whom they believe,
and how they answer are looked at, with the front-proxy certificate of --state-dir. That
reads only, unless --write allows more. With -f it is done where --connect says so.
` + exitCodesFindings,
		Example: `  # The kagg that runs here
  kagg check

  # Manifests alone, as annotations of a GitHub workflow
  kagg check -f ./manifests -o github

  # An apiserver that does not run yet
  kagg check -- ./my-apiserver

  # Create objects with dryRun=All, too, to see whether that is heeded
  kagg check --write

  # A recorded folder, without one check, and failing on warnings too
  kagg check -f ./recorded --disable KAGG007 --fail-on warning`,
		Args:              noDocumentArguments(&f.sourceFlags),
		ValidArgsFunction: completeCommand(nil),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, args); err != nil {
				return err
			}
			_, command := f.command(cmd, args)
			if err := f.complete(cmd.Flags(), f.offline() && len(command) == 0); err != nil {
				return err
			}
			if f.list && f.describe != "" {
				return usageError{errors.New("--list prints a table, --describe a page: give one of them")}
			}
			return f.run(cmd, s, command)
		},
	}
	f.sourceFlags.addFlags(cmd)
	flags := cmd.Flags()
	f.connectFlags.addFlags(flags)
	flags.StringVarP(&f.output, "output", "o", string(report.FormatText), "text, json, yaml, sarif (code scanning) or github (annotations of a workflow)")
	flags.StringVar(&f.failOn, "fail-on", string(check.SeverityError), "the least severity that ends with exit code 3: error, warning, info or never")
	flags.StringSliceVar(&f.only, "only", nil, "run these checks alone, by code or name; repeatable")
	flags.StringSliceVar(&f.disable, "disable", nil, "leave these checks out, by code or name; repeatable")
	flags.BoolVar(&f.list, "list", false, "print a table of the checks, and look at nothing")
	flags.StringVar(&f.describe, "describe", "", "print the page of this check, by code or name, and look at nothing")
	f.addCompletions(cmd)
	return cmd
}

func (f *checkFlags) addCompletions(cmd *cobra.Command) {
	formats := make([]string, 0, len(report.Formats()))
	for _, format := range report.Formats() {
		formats = append(formats, string(format))
	}
	severities := make([]string, 0, len(check.Severities())+1)
	for _, s := range check.Severities() {
		severities = append(severities, string(s))
	}
	severities = append(severities, never)
	for flag, complete := range map[string]cobra.CompletionFunc{
		"output": cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp), "fail-on": cobra.FixedCompletions(severities, cobra.ShellCompDirectiveNoFileComp),
		"only": completeCodes, "disable": completeCodes, "describe": completeCodes,
	} {
		cobra.CheckErr(cmd.RegisterFlagCompletionFunc(flag, complete))
	}
}

// completeCodes completes the last code of a list with commas.
func completeCodes(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before := typed[:strings.LastIndex(typed, ",")+1]
	out := make([]cobra.Completion, 0, len(check.Checks()))
	for _, c := range check.Checks() {
		out = append(out, cobra.CompletionWithDesc(before+c.Code, c.Title))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// run prints what is asked for. What was found is a findingsError.
func (f *checkFlags) run(cmd *cobra.Command, s streams, command []string) error {
	format, err := report.Parse(f.output)
	if err != nil {
		return usageError{fmt.Errorf("--output: %w", err)}
	}
	limit := check.Severity(f.failOn)
	if f.failOn != never && !slices.Contains(check.Severities(), limit) {
		return usageError{fmt.Errorf("unknown --fail-on %q: use error, warning, info or never", f.failOn)}
	}
	if f.describe != "" {
		f.only = []string{f.describe}
	}
	checks, err := check.Select(f.only, f.disable)
	if err != nil {
		return usageError{err}
	}
	switch {
	case f.list:
		return listChecks(s.Out, checks)
	case f.describe != "":
		_, err := io.WriteString(s.Out, checks[0].Page())
		return err
	}
	if err := f.quiet(s); err != nil {
		return err
	}
	var facts check.Facts
	if len(command) > 0 {
		facts, err = f.started(cmd, s, command)
	} else {
		facts, err = f.facts(cmd.Context(), s.In)
	}
	if err != nil {
		return interrupted(cmd.Context(), err)
	}
	return f.report(s, format, limit, checks, check.Run(facts, checks))
}

// report prints the findings, and fails where some are at or above the limit.
func (f *checkFlags) report(s streams, format report.Format, limit check.Severity, checks []check.Check, found []check.Finding) error {
	var err error
	r := report.Report{Findings: found, Checks: checks, Version: aggregator.Version(), Colour: coloured(s.Out)}
	if r.Folder, err = os.Getwd(); err != nil {
		return err
	}
	if len(f.filenames) > 0 && f.filenames[0] != "-" {
		r.Fallback = f.filenames[0]
	}
	if err := r.Write(s.Out, format); err != nil {
		return err
	}
	bad := 0
	for _, one := range found {
		if f.failOn != never && one.Severity.AtLeast(limit) {
			bad++
		}
	}
	if bad > 0 {
		// Text ends with how many there are.
		return findingsError{fmt.Errorf("findings of severity %s or worse: %d", limit, bad), format == report.FormatText}
	}
	return nil
}

// facts gathers what the checks look at. Objects that cannot be read are facts too.
func (f *checkFlags) facts(ctx context.Context, in io.Reader) (check.Facts, error) {
	facts := check.Facts{Now: time.Now()}
	r, err := f.settled(ctx, in)
	if inputs, refused := check.Refused(err); refused && !errors.Is(err, fs.ErrNotExist) {
		facts.Inputs = inputs
		return facts, nil
	}
	if err != nil {
		return facts, err
	}
	if !f.offline() {
		forgetSources(r)
	}
	var admin *rest.Config
	if f.connect && !f.offline() {
		if admin, err = f.clientConfig(); err != nil {
			return facts, err
		}
	}
	err = f.look(ctx, &facts, r, f.stateDir, admin)
	return facts, err
}

// started gathers the facts of a command while it runs.
func (f *checkFlags) started(cmd *cobra.Command, s streams, command []string) (check.Facts, error) {
	facts := check.Facts{Now: time.Now()}
	err := f.with(cmd, s, command, func(a *aggregator.Aggregator) error {
		r, err := a.Record(cmd.Context(), aggregator.RecordOptions{V3: true})
		if err != nil {
			return err
		}
		if err := f.place(r); err != nil {
			return err
		}
		admin, err := clientcmd.BuildConfigFromFlags("", a.State().Kubeconfig)
		if err != nil {
			return err
		}
		return f.look(cmd.Context(), &facts, r, a.State().Dir, admin)
	})
	return facts, err
}

// place says of the objects of a kagg that was started with files where in these they are.
func (f *checkFlags) place(r *recording.Recording) error {
	// Standard input was read by that kagg.
	named := slices.DeleteFunc(slices.Clone(f.filenames), func(name string) bool { return name == "-" })
	if len(named) == 0 {
		forgetSources(r)
		return nil
	}
	objects, err := manifest.Load(aggregator.ManifestOptions(named, f.recursive, nil))
	if err != nil {
		return &aggregator.InputError{Err: err}
	}
	check.Place(r.Objects, objects)
	return nil
}

// look replays a recording, and connects to its backends where that is asked for.
func (f *checkFlags) look(ctx context.Context, facts *check.Facts, r *recording.Recording, stateDir string, admin *rest.Config) error {
	var err error
	if facts.Replay, err = f.replay(r); err != nil || !f.connect {
		return err
	}
	o, err := f.options(stateDir, admin)
	if err != nil {
		return err
	}
	seen, err := gather.Replayed(ctx, facts.Replay, o)
	if err != nil {
		return err
	}
	facts.Live = seen.Backends
	facts.Replay, err = aggregator.NewReplay(gather.Complete(r, seen))
	return err
}

// settlePatience is for how long a running kagg is asked again while it still holds what it learned of a backend before
// that answered. It asks backends anew within a second, unless its profile is another.
const settlePatience = 3 * time.Second

// settled is record, of a kagg that has asked its backends since they answer, as far as patience goes.
func (f *checkFlags) settled(ctx context.Context, in io.Reader) (*recording.Recording, error) {
	deadline := time.Now().Add(settlePatience)
	for {
		r, err := f.replayFlags.record(ctx, in, aggregator.RecordOptions{V3: true})
		if err != nil || f.offline() || check.Settled(r) || time.Now().After(deadline) {
			return r, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(settlePatience / 6):
		}
	}
}

// forgetSources drops the places of objects in a file that only the recording has.
func forgetSources(r *recording.Recording) {
	for i := range r.Objects {
		r.Objects[i].Source = manifest.Source{}
	}
}

func listChecks(out io.Writer, checks []check.Check) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(w, "CODE\tSEVERITY\tAREA\tNAME\tWHAT")
	for _, c := range checks {
		_, lineErr := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Code, c.Severity, c.Area, c.Name, c.Title)
		err = errors.Join(err, lineErr)
	}
	return errors.Join(err, w.Flush())
}

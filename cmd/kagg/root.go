package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/visible"
)

// Exit codes, as every --help names them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	// exitFindings is for commands that look for something to find fault with.
	exitFindings = 3
)

const exitCodes = `
Exit codes: 0 done; 1 failed; 2 wrong usage, or errors in the given objects.`

const exitCodesAll = `
Exit codes: 0 done; 1 failed; 2 wrong usage, or errors in the given objects;
3 findings of kagg check.`

const exitCodesFindings = `
Exit codes: 0 done; 1 failed; 2 wrong usage; 3 findings.`

// streams are a command's input and outputs: data to Out, all else to Err.
type streams struct {
	In       io.Reader
	Out, Err io.Writer
	// SetLog makes the libraries log as asked. Their log is the process's, so
	// that only main may set it; nil leaves it as it is.
	SetLog func(l logging, out io.Writer, stopping func() bool) error
}

// usageError is an error in how a command was called.
type usageError struct{ error }

// Unwrap returns the error itself.
func (e usageError) Unwrap() error { return e.error }

// findingsError says that a command did its work and found fault.
type findingsError struct {
	error
	// told is for one whose output says as much.
	told bool
}

// Unwrap returns the error itself.
func (e findingsError) Unwrap() error { return e.error }

// run runs one command and returns its exit code. Errors go to Err.
func run(ctx context.Context, args []string, s streams) int {
	root := newRootCommand(s)
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if findings, ok := errors.AsType[findingsError](err); ok {
		if !findings.told {
			_, _ = fmt.Fprintf(s.Err, "%v\n", err)
		}
		return exitFindings
	}
	_, _ = fmt.Fprintf(s.Err, "error: %s\n", visible.Text(err.Error()))
	_, usage := errors.AsType[usageError](err)
	_, input := errors.AsType[*aggregator.InputError](err)
	// cobra has no type for the one error that it makes itself.
	if usage || input || strings.HasPrefix(err.Error(), "unknown command") {
		return exitUsage
	}
	return exitFailed
}

func newRootCommand(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "kagg",
		Short: "A local kube-aggregator: custom apiservers behind one API, without a cluster",
		Long: `kagg is a local kube-aggregator. It reads APIServices from YAML, finds the custom
apiservers behind them, probes them, proxies to them as a kube-apiserver does, and
merges their discovery and OpenAPI. Behind it stand the local APIs that a custom
apiserver needs to boot, authenticate and authorize. No cluster, no etcd.
` + exitCodesAll,
		Example: `  # See everything with two example apiservers
  kagg demo

  # Put your own apiserver behind kagg
  kagg serve -f ./manifests`,
		Version:       versions(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(newServeCommand(s), newDemoCommand(s), newExplainCommand(s), newCheckCommand(s), newMergeCommand(s), newCertCommand(s), newVersionCommand(s))
	checkArguments(root)
	return root
}

// checkArguments makes errors about the arguments of all subcommands usage errors.
func checkArguments(parent *cobra.Command) {
	for _, c := range parent.Commands() {
		c.Args = usageArgs(c.Args)
		checkArguments(c)
	}
}

// usageArgs makes errors about arguments usage errors.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())}
		}
		return nil
	}
}

// noArguments refuses all arguments; instead says what is given how.
func noArguments(instead string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("%s takes no argument %q: %s", cmd.CommandPath(), args[0], instead)
		}
		return nil
	}
}

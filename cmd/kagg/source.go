package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/launch"
	"github.com/kagg-project/kagg/recording"
)

// sourceHelp says in the help of a command where what it looks at comes from.
const sourceHelp = `What is looked at is, in this order:
` + commandHelp + `  -f             a folder that was recorded with --record; or objects, whose backends
                 are asked by a kagg that runs for a moment, with the certificates in
                 --state-dir if that exists, or a copy where a kagg runs with it
  otherwise      the kagg that runs with --state-dir, or at --server or --kubeconfig
`

// commandHelp says how a command after "--" is started.
const commandHelp = `  -- COMMAND     a custom apiserver that is started for the purpose, and stopped. It is
                 given the flags of a server built on k8s.io/apiserver that its command
                 line lacks (--secure-port, --bind-address, --tls-cert-file,
                 --tls-private-key-file, --kubeconfig, --authentication-kubeconfig,
                 --authorization-kubeconfig), without those that it refuses; and in the
                 environment KUBECONFIG, KAGG_SERVER, KAGG_PORT, KAGG_TLS_CERT_FILE,
                 KAGG_TLS_PRIVATE_KEY_FILE, KAGG_CLIENT_CA_FILE and
                 KAGG_REQUESTHEADER_CLIENT_CA_FILE. With -f it serves those APIServices
                 whose Service has no address, or its own; without, all that it lists.
`

// sourceFlags say where a recording comes from: a running kagg, a recorded folder, the
// backends of objects, or a command.
type sourceFlags struct {
	replayFlags
	bare       bool
	timeout    time.Duration
	showOutput bool
	// unavailable is for commands that look for what is wrong with a server.
	unavailable bool
}

func (f *sourceFlags) addFlags(cmd *cobra.Command) {
	f.replayFlags.addFlags(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.bare, "bare", false, "give the command no flags beside its own; it is told by the environment alone")
	flags.DurationVar(&f.timeout, "wait-timeout", launch.DefaultTimeout, "how long to wait for the command, or for backends, to be available")
	flags.BoolVar(&f.showOutput, "show-output", false, "show what the command prints, and what happens, on standard error")
}

// command returns what stands after "--", and the arguments before it.
func (f *sourceFlags) command(cmd *cobra.Command, args []string) (own, command []string) {
	if dash := cmd.ArgsLenAtDash(); dash >= 0 {
		return args[:dash], args[dash:]
	}
	return args, nil
}

// check finds flags that do not go together.
func (f *sourceFlags) check(cmd *cobra.Command, args []string) error {
	flags := cmd.Flags()
	_, command := f.command(cmd, args)
	switch {
	case cmd.ArgsLenAtDash() >= 0 && len(command) == 0:
		return usageError{errors.New("there is no command after --: give one, as -- ./my-apiserver")}
	case f.timeout <= 0:
		return usageError{fmt.Errorf("--wait-timeout %s: use a time like 60s", f.timeout)}
	case len(command) == 0:
		if f.bare {
			return usageError{errors.New("--bare goes with a command after --")}
		}
		return f.replayFlags.check(flags)
	}
	for _, name := range []string{"server", "kubeconfig", "context"} {
		if flags.Changed(name) {
			return usageError{fmt.Errorf("a command after -- is looked at behind a kagg of its own, --%s at a running one: give one of them", name)}
		}
	}
	return f.checkFileFlags()
}

// record returns the recording. Errors in objects are an *aggregator.InputError.
func (f *sourceFlags) record(cmd *cobra.Command, s streams, command []string, o aggregator.RecordOptions) (*recording.Recording, error) {
	if err := f.quiet(s); err != nil {
		return nil, err
	}
	r, err := f.from(cmd.Context(), s, command, f.stateDirGiven(), o)
	return r, interrupted(cmd.Context(), err)
}

// with starts the command, hands what runs to use, and stops it.
func (f *sourceFlags) with(cmd *cobra.Command, s streams, command []string, use func(*aggregator.Aggregator) error) error {
	if err := f.quiet(s); err != nil {
		return err
	}
	options, err := f.launchOptions(s, command)
	if err != nil {
		return err
	}
	options.Config.Stdin = s.In
	if f.stateDirGiven() {
		options.Config.StateDir = f.stateDir
	}
	err = launch.With(cmd.Context(), options, func(server *launch.Server) error { return use(server.Aggregator()) })
	return interrupted(cmd.Context(), err)
}

// quiet keeps what the libraries say of a start and an end within seconds from those who did not ask for it.
func (f *sourceFlags) quiet(s streams) error {
	if s.SetLog == nil {
		return nil
	}
	log := io.Discard
	if f.showOutput {
		log = s.Err
	}
	return s.SetLog(logging{format: formatText}, log, func() bool { return false })
}

// interrupted words an error that came of being told to stop.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

func (f *sourceFlags) from(ctx context.Context, s streams, command []string, ownState bool, o aggregator.RecordOptions) (*recording.Recording, error) {
	if len(command) == 0 && !f.offline() {
		return f.replayFlags.record(ctx, s.In, o)
	}
	stdin, err := f.readStdin(s.In)
	if err != nil {
		return nil, err
	}
	if len(command) == 0 {
		r, err := f.load(bytes.NewReader(stdin))
		if err != nil {
			return nil, err
		}
		if r.Recorded() {
			return r, f.addLocal(ctx, r)
		}
	}
	options, err := f.launchOptions(s, command)
	if err != nil {
		return nil, err
	}
	options.Config.Stdin = bytes.NewReader(stdin)
	// Backends that run already believe the front proxy of the folder that they were
	// started with; one that is started now takes what it is given.
	if ownState || (len(command) == 0 && exists(f.stateDir)) {
		options.Config.StateDir = f.stateDir
	}
	return launch.Record(ctx, options, o)
}

func exists(folder string) bool {
	_, err := os.Stat(folder)
	return err == nil
}

// readStdin reads standard input where it is named: it is needed twice.
func (f *sourceFlags) readStdin(in io.Reader) ([]byte, error) {
	if in == nil || !slices.Contains(f.filenames, "-") {
		return nil, nil
	}
	return io.ReadAll(in)
}

// launchOptions are how a command, or a kagg alone, is started.
func (f *sourceFlags) launchOptions(s streams, command []string) (launch.Options, error) {
	told := &oneByOne{to: s.Err}
	o := launch.Options{
		Command: command, Bare: f.bare, Timeout: f.timeout, Unavailable: f.unavailable,
		Config:   aggregator.Config{Filenames: f.filenames, Recursive: f.recursive, Endpoints: f.overrides},
		Progress: func(text string) { _, _ = fmt.Fprintln(told, text) },
	}
	if f.showOutput {
		out, err := newConsole(told, formatText)
		if err != nil {
			return o, err
		}
		o.Output, o.Config.OnEvent = told, out.event
	}
	return o, nil
}

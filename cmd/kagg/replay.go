package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/proxy"
	"github.com/kagg-project/kagg/recording"
)

// replayFlags say what a command looks at: a running kagg, or files.
type replayFlags struct {
	filenames  []string
	recursive  bool
	server     string
	kubeconfig string
	context    string
	stateDir   string
	// stateDirGiven tells whether the state folder is the user's choice.
	stateDirGiven func() bool
	// endpoints are the values of --endpoint, and overrides what check has made of them.
	endpoints []string
	overrides []proxy.Override
}

func (f *replayFlags) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.addFileFlags(flags)
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig of a running kagg (default: the one in --state-dir; where that is not given and there is none, $KUBECONFIG)")
	flags.StringVar(&f.context, "context", "", "context of the kubeconfig to use")
	flags.StringVarP(&f.server, "server", "s", "", "address of a running kagg, in place of the kubeconfig's, like https://127.0.0.1:6443")
	flags.StringVar(&f.stateDir, "state-dir", ".kagg", "the state folder of a running kagg")
	f.stateDirGiven = func() bool { return flags.Changed("state-dir") }
	cobra.CheckErr(cmd.MarkFlagFilename("kubeconfig"))
	cobra.CheckErr(cmd.MarkFlagDirname("state-dir"))
}

func (f *replayFlags) addFileFlags(flags *pflag.FlagSet) {
	flags.StringSliceVarP(&f.filenames, "filename", "f", nil, "folder that kagg recorded, or files and folders with objects, or - for standard input; repeatable; in place of a running kagg")
	flags.BoolVarP(&f.recursive, "recursive", "R", false, "read folders of --filename with their subfolders")
	addEndpointFlag(flags, &f.endpoints)
}

// offline tells whether files are looked at.
func (f *replayFlags) offline() bool { return len(f.filenames) > 0 }

// check finds flags that do not go together.
func (f *replayFlags) check(flags *pflag.FlagSet) error {
	if err := f.checkFileFlags(); err != nil || !f.offline() {
		return err
	}
	for _, name := range []string{"server", "kubeconfig", "context"} {
		if flags.Changed(name) {
			return usageError{fmt.Errorf("--filename looks at files, --%s at a running kagg: give one of them", name)}
		}
	}
	return nil
}

// checkFileFlags finds flags about files that are given without any, and reads the endpoints.
func (f *replayFlags) checkFileFlags() error {
	if !f.offline() && f.recursive {
		return usageError{errors.New("--recursive goes with --filename")}
	}
	if !f.offline() && len(f.endpoints) > 0 {
		return usageError{errors.New("--endpoint gives addresses to services in files: name those with --filename; a running kagg takes it when it starts")}
	}
	var err error
	f.overrides, err = parseEndpoints(f.endpoints)
	return err
}

// load reads the files. Errors in them are an *aggregator.InputError.
func (f *replayFlags) load(in io.Reader) (*recording.Recording, error) {
	r, err := recording.Load(aggregator.ManifestOptions(f.filenames, f.recursive, in))
	if err != nil {
		return nil, &aggregator.InputError{Err: err}
	}
	if len(f.endpoints) == 0 {
		return r, nil
	}
	if r.Recorded() || r.Server != nil {
		return nil, usageError{errors.New("--endpoint goes with objects, and --filename names a recording, which has the addresses that were used: leave --endpoint out")}
	}
	r.Server = &recording.Server{Endpoints: f.endpoints}
	return r, nil
}

// record returns the recording of a running kagg, or the one that the files hold.
// Errors in the files are an *aggregator.InputError.
func (f *replayFlags) record(ctx context.Context, in io.Reader, o aggregator.RecordOptions) (*recording.Recording, error) {
	if f.offline() {
		r, err := f.load(in)
		if err != nil {
			return nil, err
		}
		return r, f.addLocal(ctx, r)
	}
	files, err := f.fetch(ctx, o)
	if err != nil {
		return nil, err
	}
	return recording.Parse(files, aggregator.ManifestOptions(nil, false, nil))
}

// replay makes of a recording what it says. A document in files that cannot be read is an *aggregator.InputError.
func (f *replayFlags) replay(r *recording.Recording) (*aggregator.Replay, error) {
	out, err := aggregator.NewReplay(r)
	if err != nil && f.offline() {
		return nil, &aggregator.InputError{Err: err}
	}
	return out, err
}

// recordQuickly is record without what takes long or reads standard input: the local
// APIs of a folder that was written by hand stay unknown.
func (f *replayFlags) recordQuickly(ctx context.Context) (*recording.Recording, error) {
	if f.offline() {
		return f.load(strings.NewReader(""))
	}
	return f.record(ctx, strings.NewReader(""), aggregator.RecordOptions{})
}

// fetch asks the running kagg.
func (f *replayFlags) fetch(ctx context.Context, o aggregator.RecordOptions) (recording.Files, error) {
	config, err := f.clientConfig()
	if err != nil {
		return nil, err
	}
	return aggregator.FetchRecording(ctx, config, o)
}

// addLocal gives a recording that was written by hand the local APIs of this kagg.
func (f *replayFlags) addLocal(ctx context.Context, r *recording.Recording) error {
	if r.Local != nil {
		return nil
	}
	folder, err := os.MkdirTemp("", "kagg-local-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	r.Local, err = aggregator.RecordLocal(ctx, folder)
	return err
}

// clientConfig is how the running kagg is reached.
func (f *replayFlags) clientConfig() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.kubeconfig
	if own := filepath.Join(f.stateDir, "kubeconfig"); f.kubeconfig == "" {
		if _, err := os.Stat(own); err == nil {
			rules.ExplicitPath = own
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		} else if f.stateDirGiven() {
			return nil, fmt.Errorf("no kagg runs with --state-dir=%s: %s does not exist; name the folder that kagg serve was given, or leave the flag out", f.stateDir, own)
		}
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: f.context, ClusterInfo: clientcmdapi.Cluster{Server: f.server}}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, fmt.Errorf("no kubeconfig of a running kagg in %s or $KUBECONFIG: start kagg serve, or name one with --kubeconfig, or files with -f", f.stateDir)
	}
	return config, err
}

package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/check/gather"
	"github.com/kagg-project/kagg/internal/pki"
)

// connectFlags say whether and how backends are connected to.
type connectFlags struct {
	connect bool
	write   bool
}

func (f *connectFlags) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&f.connect, "connect", true, "connect to the backends; with --filename the default is false")
	flags.BoolVar(&f.write, "write", false, "create an object of each group-version with dryRun=All, and delete it where that is ignored")
}

// complete sets what follows from other flags.
func (f *connectFlags) complete(flags *pflag.FlagSet, offline bool) error {
	if offline && !flags.Changed("connect") {
		f.connect = false
	}
	if f.write && !f.connect {
		return usageError{errors.New("--write is for backends that are connected to: add --connect")}
	}
	return nil
}

// options are with which credentials to connect: those in the state folder, as far as there are any, and the
// administrator's of the running kagg, nil for none.
func (f *connectFlags) options(stateDir string, admin *rest.Config) (gather.Options, error) {
	state := pki.Locate(stateDir)
	o := gather.Options{Write: f.write}
	for _, file := range []struct {
		name string
		into *[]byte
	}{
		{state.FrontProxyClient.CertFile, &o.FrontProxyCert},
		{state.FrontProxyClient.KeyFile, &o.FrontProxyKey},
		{state.ClusterCA.CertFile, &o.ExtraRoots},
	} {
		var err error
		if *file.into, err = os.ReadFile(file.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return o, err
		}
	}
	if admin == nil {
		return o, nil
	}
	server, _, err := rest.DefaultServerUrlFor(admin)
	if err != nil {
		return o, err
	}
	o.Server = server.String()
	o.Client, err = rest.TransportFor(admin)
	return o, err
}

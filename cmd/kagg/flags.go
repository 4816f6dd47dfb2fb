package main

import (
	"fmt"
	"net"

	"github.com/spf13/pflag"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/proxy"
)

// defaultSecurePort is the kube-apiserver's.
const defaultSecurePort = 6443

// serveFlags are the flags of a running aggregator, before they are checked.
type serveFlags struct {
	config    aggregator.Config
	profile   string
	endpoints []string
	bind      net.IP
	anonymous bool
	accounts  serviceAccountFlags
	observe   observabilityFlags
	logging   logging

	authorization authorizationFlags
}

// addFlags adds what every running aggregator has.
func (f *serveFlags) addFlags(flags *pflag.FlagSet) {
	c := &f.config
	flags.IPVar(&f.bind, "bind-address", net.IPv4(127, 0, 0, 1), "the address to listen on")
	flags.IntVar(&c.SecurePort, "secure-port", defaultSecurePort, "the port to listen on; 0 for any; unless given, any free one when the default is taken")
	flags.StringVar(&c.StateDir, "state-dir", ".kagg", "the folder for certificates and kubeconfigs; made private, and used again on the next start")
	flags.StringVar(&f.profile, "profile", string(aggregator.ProfileDev), "dev: notices changes within a second and explains errors; upstream: intervals and texts of the kube-aggregator")
	flags.StringVar(&c.ServingCertFile, "tls-cert-file", "", "PEM file of the serving certificate, in place of the one that kagg makes")
	flags.StringVar(&c.ServingKeyFile, "tls-private-key-file", "", "PEM file of the key of --tls-cert-file")
	flags.StringVar(&c.ClientCAFile, "client-ca-file", "", "PEM file of CAs whose client certificates name a user, beside kagg's own")
	flags.StringVar(&c.TokenAuthFile, "token-auth-file", "", `CSV file of bearer tokens: token,user,uid,"group1,group2"`)
	flags.BoolVar(&f.anonymous, "anonymous-auth", false, "let requests without credentials in as system:anonymous on every path; unless given, only on /healthz, /livez, /readyz and /version")
	flags.BoolVar(&c.AllowRemoteAnonymous, "allow-remote-anonymous", false, "permit --anonymous-auth on an address that is not loopback: everyone who reaches it may do everything")
	f.authorization.addFlags(flags)
	f.logging.addFlags(flags)
	f.addTrustFlags(flags)
	f.accounts.addFlags(flags, &c.ServiceAccounts)
	f.addStorageFlags(flags)
	f.observe.addFlags(flags, &f.config.Observability)
}

func (f *serveFlags) addTrustFlags(flags *pflag.FlagSet) {
	c := &f.config
	flags.StringVar(&c.ProxyClientCertFile, "proxy-client-cert-file", "", "PEM file of the front-proxy client certificate shown to backends, in place of the one that kagg makes")
	flags.StringVar(&c.ProxyClientKeyFile, "proxy-client-key-file", "", "PEM file of the key of --proxy-client-cert-file")
	flags.StringVar(&c.RequestHeader.ClientCAFile, "requestheader-client-ca-file", "", "PEM file of the CA of believed front proxies, published to custom apiservers")
	flags.StringSliceVar(&c.RequestHeader.AllowedNames, "requestheader-allowed-names", nil, "common names of believed front proxies (default front-proxy-client)")
	flags.StringSliceVar(&c.RequestHeader.UsernameHeaders, "requestheader-username-headers", nil, "headers with the user's name (default X-Remote-User)")
	flags.StringSliceVar(&c.RequestHeader.UIDHeaders, "requestheader-uid-headers", nil, "headers with the user's UID (default X-Remote-Uid)")
	flags.StringSliceVar(&c.RequestHeader.GroupHeaders, "requestheader-group-headers", nil, "headers with the user's groups (default X-Remote-Group)")
	flags.StringSliceVar(&c.RequestHeader.ExtraHeaderPrefixes, "requestheader-extra-headers-prefix", nil, "prefixes of headers with the user's extra (default X-Remote-Extra-)")
}

// addInputFlags adds the flags that name the objects to serve.
func (f *serveFlags) addInputFlags(flags *pflag.FlagSet) {
	flags.StringSliceVarP(&f.config.Filenames, "filename", "f", nil, "file, folder, or - for standard input, with the objects to serve; repeatable; files and folders are watched")
	flags.BoolVarP(&f.config.Recursive, "recursive", "R", false, "read folders of --filename with their subfolders")
	addEndpointFlag(flags, &f.endpoints)
}

func addEndpointFlag(flags *pflag.FlagSet, into *[]string) {
	flags.StringArrayVar(into, "endpoint", nil, "address of a service, as NAMESPACE/NAME[:PORT]=HOST:PORT; repeatable")
}

// parseEndpoints reads the values of --endpoint.
func parseEndpoints(values []string) ([]proxy.Override, error) {
	var overrides []proxy.Override
	for _, v := range values {
		override, err := proxy.ParseOverride(v)
		if err != nil {
			return nil, usageError{fmt.Errorf("--endpoint: %w", err)}
		}
		overrides = append(overrides, override)
	}
	return overrides, nil
}

// complete checks the flags and returns the configuration that they make.
func (f *serveFlags) complete(flags *pflag.FlagSet) (aggregator.Config, error) {
	c := f.config
	var err error
	if c.Profile, err = aggregator.ParseProfile(f.profile); err != nil {
		return c, usageError{err}
	}
	if c.Endpoints, err = parseEndpoints(f.endpoints); err != nil {
		return c, err
	}
	for _, pair := range [][2]string{{"tls-cert-file", "tls-private-key-file"}, {"proxy-client-cert-file", "proxy-client-key-file"}} {
		if flags.Changed(pair[0]) != flags.Changed(pair[1]) {
			return c, usageError{fmt.Errorf("--%s and --%s go together: give both or none", pair[0], pair[1])}
		}
	}
	if c.SecurePort < 0 || c.SecurePort > 65535 {
		return c, usageError{fmt.Errorf("--secure-port %d: use 1 to 65535, or 0 for any", c.SecurePort)}
	}
	f.accounts.complete(&c.ServiceAccounts)
	if err := completeStorage(&c.Storage, flags); err != nil {
		return c, err
	}
	if c.AuthorizationModes, err = f.authorization.complete(); err != nil {
		return c, usageError{err}
	}
	if err := f.observe.complete(&c.Observability); err != nil {
		return c, err
	}
	c.BindAddress = f.bind
	c.SecurePortOptional = !flags.Changed("secure-port")
	if flags.Changed("anonymous-auth") {
		c.AnonymousAuth = &f.anonymous
	}
	return c, nil
}

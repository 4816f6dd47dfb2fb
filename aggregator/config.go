package aggregator

import (
	"io"
	"net"

	"github.com/kagg-project/kagg/proxy"
)

// Config is everything that a running aggregator is made from. The zero value
// of a field means its default.
type Config struct {
	// Profile is the pace and the words; default ProfileDev.
	Profile Profile

	// Filenames are files, folders, or "-" for Stdin, that hold the objects to
	// serve. Files and folders are watched.
	Filenames []string
	// Recursive makes folders in Filenames be read with their subfolders.
	Recursive bool
	// Stdin is what the filename "-" reads; default is empty.
	Stdin io.Reader
	// Endpoints give addresses to services by hand.
	Endpoints []proxy.Override

	// BindAddress is the address to listen on; default 127.0.0.1.
	BindAddress net.IP
	// SecurePort is the port to listen on; 0 takes any free one.
	SecurePort int
	// SecurePortOptional makes a taken SecurePort fall back to any free one.
	SecurePortOptional bool

	// StateDir holds what kagg makes on disk; default ".kagg".
	StateDir string
	// ServingCertFile and ServingKeyFile replace the made serving
	// certificate. Both or none.
	ServingCertFile, ServingKeyFile string
	// ClientCAFile holds further CAs whose client certificates name a user.
	// The state folder's own CA stays trusted, so that its kubeconfigs work.
	ClientCAFile string
	// TokenAuthFile is a CSV file of static tokens: token,user,uid,"groups".
	TokenAuthFile string
	// ServiceAccounts says how their tokens are signed and verified.
	ServiceAccounts ServiceAccounts
	// AnonymousAuth lets requests without credentials in as
	// system:anonymous: on every path when true, on none when false, and only
	// on /healthz, /livez, /readyz and /version when nil.
	AnonymousAuth *bool
	// AllowRemoteAnonymous permits AnonymousAuth on other addresses than
	// loopback.
	AllowRemoteAnonymous bool

	// ProxyClientCertFile and ProxyClientKeyFile replace the made front-proxy
	// client certificate. Both or none.
	ProxyClientCertFile, ProxyClientKeyFile string
	// RequestHeader says which front proxies are believed, by kagg and, through
	// the ConfigMap extension-apiserver-authentication, by custom apiservers.
	RequestHeader RequestHeader

	// AuthorizationModes decide, in this order, what a user may do; default
	// AuthorizationAlwaysAllow alone.
	AuthorizationModes []AuthorizationMode

	// Observability says what is recorded of requests, and how many are served.
	Observability Observability

	// Storage says where the objects are kept; default: in memory.
	Storage Storage

	// OnEvent is told of each change of state worth a line; it must not block.
	// Default: nothing is told.
	OnEvent func(Event)
}

// RequestHeader says which front proxies are believed and which headers they
// name the user in. An empty field means the default.
type RequestHeader struct {
	// ClientCAFile verifies front proxies' certificates; default: the made
	// front-proxy CA.
	ClientCAFile string
	// AllowedNames are the common names of believed front proxies; default
	// front-proxy-client.
	AllowedNames []string
	// UsernameHeaders defaults to X-Remote-User.
	UsernameHeaders []string
	// UIDHeaders defaults to X-Remote-Uid.
	UIDHeaders []string
	// GroupHeaders defaults to X-Remote-Group.
	GroupHeaders []string
	// ExtraHeaderPrefixes defaults to X-Remote-Extra-.
	ExtraHeaderPrefixes []string
}

// Event is one change of state, for a person.
type Event struct {
	// Subject is what changed, as "apiservice/v1.example.com".
	Subject string
	// Message says what happened.
	Message string
	// Warning is true where someone should look.
	Warning bool
}

func (c *Config) setDefaults() {
	if c.Profile == "" {
		c.Profile = ProfileDev
	}
	if c.BindAddress == nil {
		c.BindAddress = net.IPv4(127, 0, 0, 1)
	}
	if c.StateDir == "" {
		c.StateDir = ".kagg"
	}
	if len(c.AuthorizationModes) == 0 {
		c.AuthorizationModes = []AuthorizationMode{AuthorizationAlwaysAllow}
	}
	if c.OnEvent == nil {
		c.OnEvent = func(Event) {}
	}
	r := &c.RequestHeader
	for _, d := range []struct {
		field *[]string
		value string
	}{
		{&r.AllowedNames, "front-proxy-client"},
		{&r.UsernameHeaders, "X-Remote-User"},
		{&r.UIDHeaders, "X-Remote-Uid"},
		{&r.GroupHeaders, "X-Remote-Group"},
		{&r.ExtraHeaderPrefixes, "X-Remote-Extra-"},
	} {
		if *d.field == nil {
			*d.field = []string{d.value}
		}
	}
}

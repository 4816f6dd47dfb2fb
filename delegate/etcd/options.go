package etcd

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage/storagebackend"
)

// DefaultPrefix is the kube-apiserver's.
const DefaultPrefix = "/registry"

// DefaultStartTimeout is how long a start waits for an etcd that cannot be reached.
const DefaultStartTimeout = 10 * time.Second

// Options say which etcd, and how. The zero value of a field means its default; the names of the
// kube-apiserver's flags are in brackets.
type Options struct {
	// Servers are URLs, as "https://127.0.0.1:2379" [--etcd-servers]. Required.
	Servers []string
	// CAFile verifies the servers' certificates [--etcd-cafile]. Default: the system's authorities.
	CAFile string
	// CertFile and KeyFile are the client certificate [--etcd-certfile, --etcd-keyfile]. Both or none.
	CertFile, KeyFile string
	// Prefix begins every key [--etcd-prefix]. Default [DefaultPrefix].
	Prefix string
	// CompactionInterval is the time between compactions [--etcd-compaction-interval]; negative for
	// none. Default 5 minutes.
	CompactionInterval time.Duration
	// NoWatchCache reads everything from the etcd itself [--watch-cache=false].
	NoWatchCache bool
	// ResourcePrefix names the keys of a resource below Prefix. Default "/group/resource".
	ResourcePrefix func(schema.GroupResource) string
	// StartTimeout bounds [Storage.Wait]. Default [DefaultStartTimeout].
	StartTimeout time.Duration
}

func (o *Options) setDefaults() {
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	switch {
	case o.CompactionInterval == 0:
		o.CompactionInterval = storagebackend.DefaultCompactInterval
	case o.CompactionInterval < 0:
		o.CompactionInterval = 0 // what the storage takes for none
	}
	if o.ResourcePrefix == nil {
		o.ResourcePrefix = func(gr schema.GroupResource) string {
			return strings.TrimSuffix("/"+gr.Group, "/") + "/" + gr.Resource
		}
	}
	if o.StartTimeout <= 0 {
		o.StartTimeout = DefaultStartTimeout
	}
}

// Validate finds what is wrong with the options without asking the etcd. The errors name the flag.
func (o *Options) Validate() error {
	if len(o.Servers) == 0 {
		return errors.New("--etcd-servers names no server: give URLs like http://127.0.0.1:2379")
	}
	for _, s := range o.Servers {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return fmt.Errorf("--etcd-servers %q is not a URL of an etcd: give one like http://127.0.0.1:2379", s)
		}
		if u.Scheme == "http" && (o.CAFile != "" || o.CertFile != "") {
			return fmt.Errorf("--etcd-servers %q is reached without TLS, and the etcd certificates would not be used: write https, or leave --etcd-cafile and --etcd-certfile out", s)
		}
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return errors.New("--etcd-certfile and --etcd-keyfile go together: give both or none")
	}
	for flag, file := range map[string]string{"etcd-cafile": o.CAFile, "etcd-certfile": o.CertFile, "etcd-keyfile": o.KeyFile} {
		if file == "" {
			continue
		}
		if _, err := os.ReadFile(file); err != nil {
			return fmt.Errorf("--%s: %w: name a PEM file", flag, err)
		}
	}
	if _, err := o.tlsInfo().ClientConfig(); err != nil {
		return fmt.Errorf("the certificates of --etcd-cafile, --etcd-certfile and --etcd-keyfile cannot be used: %w", err)
	}
	return nil
}

func (o *Options) tlsInfo() transport.TLSInfo {
	return transport.TLSInfo{CertFile: o.CertFile, KeyFile: o.KeyFile, TrustedCAFile: o.CAFile}
}

// secure tells whether a server is reached by TLS.
func (o *Options) secure() bool {
	return len(o.Servers) > 0 && strings.HasPrefix(o.Servers[0], "https://")
}

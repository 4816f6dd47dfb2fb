package gather

import (
	"bytes"
	"cmp"
	"context"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/recording"
)

// Replayed connects to the backends of a recorded kagg as Gather does. What the recording says of the front-proxy
// certificate and of trusted CAs is true; the options say it where the recording does not. A key that belongs to
// another certificate than the recorded one is another kagg's, and is not used.
func Replayed(ctx context.Context, r *aggregator.Replay, o Options) (Result, error) {
	server := cmp.Or(r.Recording.Server, &recording.Server{})
	if recorded := []byte(server.ProxyClientCertificate); len(recorded) > 0 {
		if !bytes.Equal(bytes.TrimSpace(recorded), bytes.TrimSpace(o.FrontProxyCert)) {
			o.FrontProxyKey = nil
		}
		o.FrontProxyCert = recorded
	}
	if len(o.FrontProxyCert) == 0 {
		o.FrontProxyKey = nil
	}
	roots := o.ExtraRoots
	if server.TrustedCA != "" {
		roots = []byte(server.TrustedCA)
	}
	return Gather(ctx, Targets(r.Snapshot.APIServices(), roots), o)
}

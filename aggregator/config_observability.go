package aggregator

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apiserver/pkg/server/options"
)

// Defaults of [Observability], those of a kube-apiserver
// (k8s.io/apiserver pkg/server/config.go, NewConfig).
const (
	DefaultMaxRequestsInFlight         = 400
	DefaultMaxMutatingRequestsInFlight = 200
	DefaultRequestTimeout              = time.Minute
	DefaultMinRequestTimeout           = 30 * time.Minute
)

// Observability says what is recorded of requests, and how many are served at
// once and for how long. The zero value records nothing and has a
// kube-apiserver's limits.
type Observability struct {
	// Audit says which requests are recorded, and where. Nil, or without a policy
	// file: none. Make it with options.NewAuditOptions, which has the defaults.
	Audit *options.AuditOptions
	// TracingConfigFile is a TracingConfiguration of apiserver.config.k8s.io,
	// which says where spans go. Empty: nowhere.
	TracingConfigFile string

	// EnablePriorityAndFairness queues and refuses requests by FlowSchemas and
	// PriorityLevelConfigurations, in place of the plain limits. Their sum is what
	// the priority levels share.
	EnablePriorityAndFairness bool
	// MaxRequestsInFlight is how many reading requests are served at once; more
	// get 429. Nil: DefaultMaxRequestsInFlight; 0: no limit.
	MaxRequestsInFlight *int
	// MaxMutatingRequestsInFlight is the same for those that change something.
	// Nil: DefaultMaxMutatingRequestsInFlight; 0: no limit.
	MaxMutatingRequestsInFlight *int
	// RequestTimeout is how long a request may take that is not long-running;
	// default DefaultRequestTimeout.
	RequestTimeout time.Duration
	// MinRequestTimeout is the shortest time that a watch of the local APIs lasts
	// which names no timeout itself; the longest is twice that. Default
	// DefaultMinRequestTimeout; negative: a watch lasts until its client leaves.
	MinRequestTimeout time.Duration
	// GoawayChance is the chance, at most 0.02, that an HTTP/2 client is told to
	// connect anew after a request. Default 0: never.
	GoawayChance float64
	// HTTP2MaxStreamsPerConnection is how many requests a client may have on one
	// connection at once; default 0, the library's 100.
	HTTP2MaxStreamsPerConnection int
	// StrictTransportSecurity are the directives of the header of that name;
	// default: no header.
	StrictTransportSecurity []string
}

// Validate finds what is wrong without reading a file; the errors name the
// kube-apiserver's flags. What the libraries check, they check.
func (o *Observability) Validate() error {
	run := options.NewServerRunOptions()
	run.MaxRequestsInFlight, run.MaxMutatingRequestsInFlight = o.maxRequests(), o.maxMutatingRequests()
	run.RequestTimeout, run.GoawayChance, run.HSTSDirectives = o.RequestTimeout, o.GoawayChance, o.StrictTransportSecurity
	errs := run.Validate()
	if o.HTTP2MaxStreamsPerConnection < 0 {
		errs = append(errs, fmt.Errorf("--http2-max-streams-per-connection %d: use a number of at least 1, or 0 for the library's", o.HTTP2MaxStreamsPerConnection))
	}
	if o.EnablePriorityAndFairness && o.maxRequests()+o.maxMutatingRequests() == 0 {
		errs = append(errs, errors.New("--enable-priority-and-fairness shares out the sum of --max-requests-inflight and --max-mutating-requests-inflight, which are both 0: set one of them"))
	}
	return errors.Join(append(errs, o.Audit.Validate()...)...)
}

func (o *Observability) maxRequests() int {
	if o.MaxRequestsInFlight == nil {
		return DefaultMaxRequestsInFlight
	}
	return *o.MaxRequestsInFlight
}

func (o *Observability) maxMutatingRequests() int {
	if o.MaxMutatingRequestsInFlight == nil {
		return DefaultMaxMutatingRequestsInFlight
	}
	return *o.MaxMutatingRequestsInFlight
}

func (o *Observability) requestTimeout() time.Duration {
	if o.RequestTimeout == 0 {
		return DefaultRequestTimeout
	}
	return o.RequestTimeout
}

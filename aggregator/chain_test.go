package aggregator

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/filters/impersonation"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/component-base/tracing"

	"github.com/kagg-project/kagg/delegate"
)

func plainChain(tb testing.TB) chain {
	return chain{
		authentication: &authentication{request: authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
			return &authenticator.Response{User: &user.DefaultInfo{Name: "alice"}}, true, nil
		})},
		authorizer: authorizerfactory.NewAlwaysAllowAuthorizer(), codecs: delegate.Codecs,
		requestInfo: newRequestInfoResolver(), stopping: tb.Context(),
	}
}

func (c chain) names() []string {
	var names []string
	for _, f := range c.filters() {
		names = append(names, f.name)
	}
	return names
}

// What is not asked for is not on the path; what is, has upstream's place.
func TestChainHasOnlyWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	plain := plainChain(t)
	hsts, full := plain, plain
	hsts.limits.StrictTransportSecurity = []string{"max-age=1"}
	full.audit, full.tracer, full.fairness = &auditing{}, tracing.NewNoopTracerProvider(), &fairness{}
	full.limits = Observability{GoawayChance: 0.01, StrictTransportSecurity: []string{"max-age=1"}}
	for _, tt := range []struct {
		name  string
		chain chain
		want  []string
	}{
		{"no flags", plain, []string{
			"entrance", "authentication", "constrainedimpersonation", "in-flight limit", "authorization",
		}},
		{"one flag", hsts, []string{
			"audit id", "panic recovery", "received time", "request info", "HSTS", "cache control", "stop", "deadline", "timeout", "warnings",
			"authentication", "constrainedimpersonation", "in-flight limit", "authorization",
		}},
		{"every flag", full, []string{
			"audit id", "panic recovery", "received time", "request info", "latency trackers", "HSTS", "cache control", "goaway", "stop",
			"deadline", "timeout", "warnings", "authentication", "tracing", "audit", "constrainedimpersonation", "priorityandfairness", "authorization",
		}},
	} {
		if d := cmp.Diff(tt.want, tt.chain.names()); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// byHand is the chain without flags, nested as one would without a list.
func byHand(c chain, h http.Handler) http.Handler {
	h = genericapifilters.WithAuthorization(h, c.authorizer, c.codecs)
	h = genericfilters.WithMaxInFlightLimit(h, DefaultMaxRequestsInFlight, DefaultMaxMutatingRequestsInFlight, longRunning)
	h = impersonation.WithConstrainedImpersonation(h, c.authorizer, c.codecs)
	h = genericapifilters.WithAuthentication(h, c.authentication.request, genericapifilters.Unauthorized(c.codecs), nil, nil)
	h = genericapifilters.WithWarningRecorder(h)
	h = genericfilters.WithTimeoutForNonLongRunningRequests(h, longRunning)
	h = genericapifilters.WithRequestDeadline(h, nil, nil, longRunning, c.codecs, DefaultRequestTimeout)
	h = c.withStop(h)
	h = genericapifilters.WithCacheControl(h)
	h = genericapifilters.WithRequestInfo(h, c.requestInfo)
	h = genericapifilters.WithRequestReceivedTimestamp(h)
	return genericapifilters.WithAuditInit(withPanicRecovery(h))
}

// BenchmarkChain compares the chain without flags with the same filters nested
// by hand, and with audit and tracing.
func BenchmarkChain(b *testing.B) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	plain := plainChain(b)
	traced, audited := plain, plain
	traced.tracer = tracing.NewNoopTracerProvider()
	audited.audit = startAuditing(b, filepath.Join(b.TempDir(), "audit.log"), "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n")
	for _, bb := range []struct {
		name string
		h    http.Handler
	}{{"by hand", byHand(plain, answer)}, {"no flags", plain.handler(answer)}, {"tracing, not sampled", traced.handler(answer)}, {"audit", audited.handler(answer)}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				bb.h.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/api/v1/pods", http.NoBody))
				if w.Code != http.StatusNoContent {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}

// startAuditing starts what a policy and a log file make.
func startAuditing(tb testing.TB, log, policy string) *auditing {
	tb.Helper()
	o := options.NewAuditOptions()
	o.LogOptions.Path, o.LogOptions.MaxSize = log, 0
	o.PolicyFile = filepath.Join(tb.TempDir(), "policy.yaml")
	if err := os.WriteFile(o.PolicyFile, []byte(policy), 0o600); err != nil {
		tb.Fatal(err)
	}
	a, note, err := newAuditing(o)
	if err != nil || note != "" {
		tb.Fatal(err, note)
	}
	if err := a.run(); err != nil {
		tb.Fatal(err)
	}
	return a
}

// A refused request is recorded with the decision that refused it.
func TestDeniedRequestIsRecorded(t *testing.T) {
	t.Parallel()
	c := plainChain(t)
	c.authorizer = authorizerfactory.NewAlwaysDenyAuthorizer()
	log := filepath.Join(t.TempDir(), "audit.log")
	c.audit = startAuditing(t, log, "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n")
	w := httptest.NewRecorder()
	c.handler(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/namespaces/n/pods", http.NoBody))
	if w.Code != http.StatusForbidden {
		t.Fatal(w.Code, w.Body)
	}
	if err := c.audit.close(); err != nil {
		t.Fatal(err)
	}
	events := readEvents(t, log)
	if len(events) != 1 {
		t.Fatalf("want one event, got %v", events)
	}
	e := events[0]
	if e.Stage != string(audit.StageResponseComplete) || e.ResponseStatus.Code != http.StatusForbidden || e.User.Username != "alice" ||
		e.Annotations["authorization.k8s.io/decision"] != "forbid" || e.ObjectRef.Namespace != "n" {
		t.Errorf("got %+v", e)
	}
	if e.AuditID != w.Header().Get("Audit-Id") {
		t.Errorf("the event has the id %q, the answer %q", e.AuditID, w.Header().Get("Audit-Id"))
	}
}

// What does not end in time is answered for, also where nothing tells it to end.
func TestRequestTimeout(t *testing.T) {
	t.Parallel()
	c := plainChain(t)
	c.limits.RequestTimeout = 100 * time.Millisecond
	leave := make(chan struct{})
	defer close(leave)
	w := httptest.NewRecorder()
	c.handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-leave })).
		ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/pods", http.NoBody))
	if w.Code != http.StatusGatewayTimeout {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

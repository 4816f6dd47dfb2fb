package aggregator

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/types"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/audit"
	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	"k8s.io/apiserver/pkg/warning"
)

// entrance is the outer filters in one, from the audit id to the warnings, where no
// flag asks for more of them: each of k8s.io/apiserver's copies the request to put one
// value into its context. What this one puts there, and answers, is the same; a request
// that one of them would refuse is left to them.
type entrance struct {
	chain
	// next are the filters from authentication on.
	next http.Handler
	// timed is next with an answer after the request's time, given or not by next.
	timed http.Handler
	// refused are the filters one by one.
	refused http.Handler
	// deadlines are for requests that do not ask for less time than all have.
	deadlines *deadlines
}

func (c chain) withEntrance(next http.Handler) http.Handler {
	refused := next
	for _, f := range slices.Backward(c.outerFilters()) {
		refused = f.wrap(refused)
	}
	return &entrance{
		chain: c, next: next, refused: refused,
		timed:     genericfilters.WithTimeoutForNonLongRunningRequests(genericapifilters.WithWarningRecorder(next), longRunning),
		deadlines: &deadlines{after: c.limits.requestTimeout()},
	}
}

// ServeHTTP implements http.Handler.
func (e *entrance) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	growStack()
	received := time.Now()
	info, err := e.requestInfo.NewRequestInfo(req)
	limited := err == nil && !longRunning(req, info)
	timeout := e.limits.requestTimeout()
	if limited {
		timeout, err = shorter(timeout, req)
	}
	if err != nil {
		e.refused.ServeHTTP(w, req)
		return
	}
	defer answerPanic(w, req)
	ctx := withAuditID(w, req)
	ctx = apirequest.WithReceivedTimestamp(ctx, received)
	ctx = apirequest.WithRequestInfo(ctx, info)
	if header := w.Header(); header["Cache-Control"] == nil {
		header["Cache-Control"] = []string{"no-cache, private"}
	}
	switch {
	case !limited:
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(e.stopping, cancel)()
		e.next.ServeHTTP(w, req.WithContext(warning.WithWarningRecorder(ctx, &warnings{to: w})))
	case e.prompt != nil && timeout == e.deadlines.after && endsWithItsContext(req) && e.prompt(req):
		ctx := e.deadlines.begin(ctx, received)
		defer ctx.end()
		e.servePrompt(ctx, w, req, info)
	default:
		ctx, cancel := context.WithDeadline(ctx, received.Add(timeout))
		defer cancel()
		e.timed.ServeHTTP(w, req.WithContext(ctx))
	}
}

// growStack makes the goroutine's stack as large as a request needs it while there is little on
// it to move: it begins with half of that, and to move the frames of a whole chain costs more
// than all that the chain's filters do.
//
//go:noinline
func growStack() {
	var room [4 << 10]byte
	use(&room)
}

//go:noinline
func use(*[4 << 10]byte) {}

// withAuditID is genericapifilters.WithAuditInit. That no policy wants an event is said at once:
// until then the context collects for one.
func withAuditID(w http.ResponseWriter, req *http.Request) context.Context {
	ctx := audit.WithAuditContext(req.Context())
	id := req.Header.Get(auditinternal.HeaderAuditID)
	if id == "" {
		id = uuid.New().String()
	}
	audit.WithAuditID(ctx, types.UID(id))
	// It fails where a policy has been asked, which is none of this chain's.
	_ = audit.AuditContextFrom(ctx).Init(audit.RequestAuditConfig{Level: auditinternal.LevelNone}, nil)
	if header := w.Header(); header.Get(auditinternal.HeaderAuditID) == "" {
		header.Set(auditinternal.HeaderAuditID, id)
	}
	return ctx
}

// shorter returns the request's own ?timeout= where that is shorter than the longest, as
// genericapifilters.WithRequestDeadline does. The error is that of a duration that is none.
func shorter(longest time.Duration, req *http.Request) (time.Duration, error) {
	// A key can be written with escapes.
	if query := req.URL.RawQuery; !strings.Contains(query, "timeout") && !strings.Contains(query, "%") {
		return longest, nil
	}
	given := req.URL.Query().Get("timeout")
	if given == "" {
		return longest, nil
	}
	timeout, err := time.ParseDuration(given)
	if err != nil || timeout <= 0 || timeout >= longest {
		return longest, err
	}
	return timeout, nil
}

// warnings puts warnings into an answer's headers as genericapifilters.WithWarningRecorder
// does, by that filter itself: it is asked when the first warning comes, and few requests
// have one.
type warnings struct {
	to   http.ResponseWriter
	once sync.Once
	add  func(agent, text string)
}

// AddWarning implements warning.Recorder.
func (r *warnings) AddWarning(agent, text string) {
	r.once.Do(func() {
		genericapifilters.WithWarningRecorder(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			r.add = func(agent, text string) { warning.AddWarning(req.Context(), agent, text) }
		})).ServeHTTP(r.to, new(http.Request))
	})
	r.add(agent, text)
}

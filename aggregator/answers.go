package aggregator

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/audit"
)

// answers keeps what a library's handler answers for one document, so that each
// form of it (JSON or protobuf, compressed or not, indented or not) is encoded once.
// The handler stays the one that negotiates: what it answered to one request is
// given to each later one whose headers are the same. It is safe for concurrent use.
type answers struct {
	library http.Handler
	// varies tells, beside the headers that clients negotiate with, on what the
	// answer depends; nil for on nothing.
	varies func(*http.Request) string

	mu    sync.Mutex
	known map[string]*answerOnce
}

// answersKept bounds how many combinations of headers are remembered for one
// document. Clients of one kind send the same; who sends others is served too.
const answersKept = 32

type answerOnce struct {
	once sync.Once
	// answer is nil when it is not to be used again.
	answer atomic.Pointer[storedAnswer]
}

type storedAnswer struct {
	header http.Header
	etag   string
	body   []byte
}

func newAnswers(library http.Handler, varies func(*http.Request) string) *answers {
	return &answers{library: library, varies: varies, known: map[string]*answerOnce{}}
}

// ServeHTTP answers as the library would.
func (a *answers) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	kept := a.find(req)
	if kept == nil {
		a.library.ServeHTTP(w, req)
		return
	}
	kept.once.Do(func() { kept.answer.Store(a.ask(req)) })
	answer := kept.answer.Load()
	// The library answers what is not modified, and cheaply.
	if answer == nil || mayMatch(req.Header.Get("If-None-Match"), answer.etag) {
		a.library.ServeHTTP(w, req)
		return
	}
	header := w.Header()
	for name, values := range answer.header {
		header[name] = slices.Clone(values)
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(answer.body) // a client that is gone is nobody to tell
}

// mayMatch tells whether a library could find that If-None-Match names the etag.
func mayMatch(condition, etag string) bool {
	return condition == "*" || (condition != "" && strings.Contains(condition, etag))
}

// conditions are the headers by which a client asks for a part, or on a condition
// that no form of a document answers.
var conditions = []string{"Range", "If-Range", "If-Match", "If-Modified-Since", "If-Unmodified-Since"}

// find returns the place of the request's form; nil when the library is to answer
// this one.
func (a *answers) find(req *http.Request) *answerOnce {
	// Clients send ?timeout=32s, which the documents do not depend on.
	if req.Method != http.MethodGet || strings.Contains(req.URL.RawQuery, "pretty") {
		return nil
	}
	for _, name := range conditions {
		if len(req.Header[name]) > 0 {
			return nil
		}
	}
	// An audit policy may want the answer as an object. Enabled would not tell: it is
	// true until a policy was asked, and where there is none, none is.
	if ac := audit.AuditContextFrom(req.Context()); ac != nil && ac.GetEventLevel().GreaterOrEqual(auditinternal.LevelRequestResponse) {
		return nil
	}
	// Lines of a header are not joined: libraries look at the first alone.
	key := strings.Join(req.Header["Accept"], "\n") + "\x00" + strings.Join(req.Header["Accept-Encoding"], "\n")
	if a.varies != nil {
		key += "\x00" + a.varies(req)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := a.known[key]
	if kept == nil && len(a.known) < answersKept {
		kept = &answerOnce{}
		a.known[key] = kept
	}
	return kept
}

// ask has the library answer the request without its condition. Answers that are
// no success are not kept.
func (a *answers) ask(req *http.Request) *storedAnswer {
	plain := req.Clone(req.Context())
	plain.Header.Del("If-None-Match")
	w := &answerWriter{header: http.Header{}}
	a.library.ServeHTTP(w, plain)
	if w.status != http.StatusOK {
		return nil
	}
	return &storedAnswer{header: w.header, etag: w.header.Get("Etag"), body: a.shared(w.body.Bytes())}
}

// shared returns a body that another form of request has already had, so that
// each is kept once.
func (a *answers) shared(body []byte) []byte {
	a.mu.Lock()
	others := slices.Collect(maps.Values(a.known))
	a.mu.Unlock()
	for _, o := range others {
		if have := o.answer.Load(); have != nil && bytes.Equal(have.body, body) {
			return have.body
		}
	}
	return bytes.Clone(body) // without the room that it grew in
}

// answerWriter takes an answer down.
type answerWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *answerWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *answerWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

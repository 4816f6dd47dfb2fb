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
	known map[answerForm]*keptForm
}

// answerForm is what a request says of the form of the answer.
type answerForm struct{ accept, encoding, varies string }

// answersKept bounds how many combinations of headers are remembered for one
// document. Clients of one kind send the same; who sends others is served too.
const answersKept = 32

// keptForm are the answers in one form: whole to who has none yet, unmodified to who has it and names its etag alone.
type keptForm struct{ whole, unmodified answerOnce }

type answerOnce struct {
	once sync.Once
	// answer is nil before it was asked for, and when it is not to be used again.
	answer atomic.Pointer[storedAnswer]
}

type storedAnswer struct {
	status int
	header http.Header
	etag   string
	body   []byte
}

func newAnswers(library http.Handler, varies func(*http.Request) string) *answers {
	return &answers{library: library, varies: varies, known: map[answerForm]*keptForm{}}
}

// ServeHTTP answers as the library would.
func (a *answers) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	kept := a.find(req)
	if kept == nil {
		a.library.ServeHTTP(w, req)
		return
	}
	answer := a.once(&kept.whole, req, "", http.StatusOK)
	condition := req.Header["If-None-Match"]
	if answer != nil && len(condition) == 1 && condition[0] == answer.etag {
		answer = a.once(&kept.unmodified, req, answer.etag, http.StatusNotModified)
	} else if answer != nil && mayMatch(req.Header.Get("If-None-Match"), answer.etag) {
		answer = nil // the library knows
	}
	if answer == nil {
		a.library.ServeHTTP(w, req)
		return
	}
	header := w.Header()
	for name, values := range answer.header {
		header[name] = slices.Clone(values)
	}
	w.WriteHeader(answer.status)
	if len(answer.body) > 0 {
		_, _ = w.Write(answer.body) // a client that is gone is nobody to tell
	}
}

// once returns what ask gives, which is asked the first time.
func (a *answers) once(kept *answerOnce, req *http.Request, etag string, status int) *storedAnswer {
	if known := kept.answer.Load(); known != nil {
		return known
	}
	kept.once.Do(func() { kept.answer.Store(a.ask(req, etag, status)) })
	return kept.answer.Load()
}

// ready tells whether the answer to a request is there already.
func (a *answers) ready(req *http.Request) bool {
	if !keepable(req) {
		return false
	}
	form := a.form(req)
	a.mu.Lock()
	kept := a.known[form]
	a.mu.Unlock()
	return kept != nil && kept.whole.answer.Load() != nil
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
func (a *answers) find(req *http.Request) *keptForm {
	if !keepable(req) {
		return nil
	}
	form := a.form(req)
	a.mu.Lock()
	defer a.mu.Unlock()
	kept := a.known[form]
	if kept == nil && len(a.known) < answersKept {
		kept = &keptForm{}
		a.known[form] = kept
	}
	return kept
}

// keepable tells whether the answer to a request may be one that others get too.
func keepable(req *http.Request) bool {
	// Clients send ?timeout=32s, which the documents do not depend on.
	if req.Method != http.MethodGet || strings.Contains(req.URL.RawQuery, "pretty") {
		return false
	}
	for _, name := range conditions {
		if len(req.Header[name]) > 0 {
			return false
		}
	}
	// An audit policy may want the answer as an object. Enabled would not tell: it is
	// true until a policy was asked, and where there is none, none is.
	ac := audit.AuditContextFrom(req.Context())
	return ac == nil || ac.GetEventLevel().Less(auditinternal.LevelRequestResponse)
}

func (a *answers) form(req *http.Request) answerForm {
	// Lines of a header are not joined to one: libraries look at the first alone.
	form := answerForm{accept: strings.Join(req.Header["Accept"], "\n"), encoding: strings.Join(req.Header["Accept-Encoding"], "\n")}
	if a.varies != nil {
		form.varies = a.varies(req)
	}
	return form
}

// ask has the library answer the request on the condition alone that the client has
// none of the etag, "" for without one. Answers of another status are not kept.
func (a *answers) ask(req *http.Request, etag string, status int) *storedAnswer {
	plain := req.Clone(req.Context())
	plain.Header.Del("If-None-Match")
	if etag != "" {
		plain.Header.Set("If-None-Match", etag)
	}
	w := &answerWriter{header: http.Header{}}
	a.library.ServeHTTP(w, plain)
	if w.status != status {
		return nil
	}
	return &storedAnswer{status: status, header: w.header, etag: w.header.Get("Etag"), body: a.shared(w.body.Bytes())}
}

// shared returns a body that another form of request has already had, so that
// each is kept once.
func (a *answers) shared(body []byte) []byte {
	a.mu.Lock()
	others := slices.Collect(maps.Values(a.known))
	a.mu.Unlock()
	for _, o := range others {
		if have := o.whole.answer.Load(); have != nil && bytes.Equal(have.body, body) {
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

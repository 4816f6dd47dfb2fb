package check

import (
	"time"

	"github.com/kagg-project/kagg/recording"
)

// Backend is what was seen of one backend by connecting to it. What nobody could ask for is nil. Group-versions are
// written "apps/v1", paths as they were asked for, without the query where it says nothing.
type Backend struct {
	// Label is "namespace/name:port".
	Label string `json:"label"`
	// APIServices are the names of those that send requests here, sorted.
	APIServices []string `json:"apiServices,omitempty"`
	// Trust is how APIServices say that it is to be trusted.
	Trust Trust `json:"trust"`
	// FrontProxy is the aggregator's client certificate; nil where that is not known.
	FrontProxy *FrontProxy `json:"frontProxy,omitempty"`
	// Hosts are its addresses, sorted.
	Hosts []Host `json:"hosts"`
	// Through tells whether requests went through a running kagg, and not to the backend itself: because
	// the front-proxy certificate's key is not here, or none of Hosts could be connected to.
	Through bool `json:"through,omitempty"`
	// Identity are requests that show whom the backend takes for the client.
	Identity []Identity `json:"identity,omitempty"`
	// Forged are requests with identity headers that nothing vouches for.
	Forged []Forged `json:"forged,omitempty"`
	// Aggregated is /apis in its aggregated form.
	Aggregated *Reading `json:"aggregated,omitempty"`
	// Legacy are the resource lists of the group-versions that APIServices name, by group-version.
	Legacy map[string]*Reading `json:"legacy,omitempty"`
	// OpenAPIV2 and OpenAPIV3 are /openapi/v2 and /openapi/v3.
	OpenAPIV2 *Reading `json:"openAPIV2,omitempty"`
	OpenAPIV3 *Reading `json:"openAPIV3,omitempty"`
	// Documents are the bytes of what was read, also of the legacy lists beside an aggregated document.
	Documents recording.Documents `json:"-"`
	// Resources are those whose behaviour was looked at, one of each group-version.
	Resources []Resource `json:"resources,omitempty"`
	// Stopped says why the rest was not asked for; "" when all was that could be.
	Stopped Stop `json:"stopped,omitempty"`
}

// Stop is why something was not asked for.
type Stop string

// The reasons.
const (
	// StopUnreachable is that no address could be connected to.
	StopUnreachable Stop = "unreachable"
	// StopSilent is that requests were not answered.
	StopSilent Stop = "silent"
	// StopCredentials is that there was neither the front-proxy certificate's key nor a running kagg.
	StopCredentials Stop = "credentials"
	// StopTime is that it took too long altogether.
	StopTime Stop = "time"
)

// Trust is how a serving certificate is verified.
type Trust struct {
	// ServerName is the name that the certificate has to bear.
	ServerName string `json:"serverName"`
	// Insecure is spec.insecureSkipTLSVerify: nothing is verified.
	Insecure bool `json:"insecure,omitempty"`
	// CABundle tells whether spec.caBundle is set. Otherwise the system's roots count, and kagg's own CA.
	CABundle bool `json:"caBundle,omitempty"`
	// CAs are the subjects of the CAs in the caBundle, or of kagg's own.
	CAs []string `json:"cas,omitempty"`
}

// FrontProxy is the certificate that an aggregator presents.
type FrontProxy struct {
	CommonName string `json:"commonName"`
	// Issuers are the subjects of the CAs above it, the nearest first.
	Issuers []string `json:"issuers"`
}

// Host is what one address did when it was connected to.
type Host struct {
	// Address is "host:port".
	Address string `json:"address"`
	// Failure is why there was no TLS connection; "" when there was one. Hint says what usually mends it.
	Failure string `json:"failure,omitempty"`
	Hint    string `json:"hint,omitempty"`
	// Certificate is what it served; nil without a connection.
	Certificate *Certificate `json:"certificate,omitempty"`
	// AsksClient tells whether the handshake asked for a client certificate.
	AsksClient bool `json:"asksClient,omitempty"`
	// ClientCAs are the subjects of the CAs that the handshake named; none means any.
	ClientCAs []string `json:"clientCAs,omitempty"`
	// Acceptable tells whether the front proxy's certificate is below one of them; without FrontProxy it says nothing.
	Acceptable bool `json:"acceptable,omitempty"`
	// Refused is why the connection ended when the front proxy's certificate was presented; "" when it did not.
	Refused string `json:"refused,omitempty"`
}

// Certificate is a serving certificate.
type Certificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names,omitempty"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	// Named tells whether it bears the name that is wanted.
	Named bool `json:"named,omitempty"`
	// ServerAuth tells whether its usages allow it to serve.
	ServerAuth bool `json:"serverAuth,omitempty"`
	// Usages are its extended key usages.
	Usages []string `json:"usages,omitempty"`
	// Untrusted is why no trusted CA vouches for it, its own dates and name aside; "" when one does.
	Untrusted string `json:"untrusted,omitempty"`
	// KaggCA tells of an untrusted one whether kagg's own CA vouches for it, which a caBundle without that CA rules out.
	KaggCA bool `json:"kaggCA,omitempty"`
}

// Answer is what was said to one request.
type Answer struct {
	// Failure is why there was no answer; "" when there was one. Hung tells that it was not awaited any longer.
	Failure string `json:"failure,omitempty"`
	Hung    bool   `json:"hung,omitempty"`
	// Status is the HTTP status; 0 without an answer.
	Status      int    `json:"status,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	// Kind is "apiVersion kind" of the body; "" where it is no object.
	Kind string `json:"kind,omitempty"`
	// Message is a Status's message, or the first line of what is no object; at most 300 bytes.
	Message string `json:"message,omitempty"`
}

// The HTTP statuses that checks know.
const (
	statusOK               = 200
	statusUnauthorized     = 401
	statusForbidden        = 403
	statusNotFound         = 404
	statusMethodNotAllowed = 405
	statusGone             = 410
	statusUnavailable      = 503
)

// OK tells whether the request was served.
func (a *Answer) OK() bool { return a != nil && a.Failure == "" && a.Status >= 200 && a.Status < 300 }

// Refused tells whether it was refused because of who asked.
func (a *Answer) Refused() bool {
	return a != nil && (a.Status == statusUnauthorized || a.Status == statusForbidden)
}

// Identity is one request in somebody's name.
type Identity struct {
	Path string `json:"path"`
	// User and Groups are in whose name; User is "" where kagg itself said who asks.
	User   string   `json:"user,omitempty"`
	Groups []string `json:"groups,omitempty"`
	Answer
}

// Forged is one request four times: without anything, with a token that is nobody's, with identity headers, and with
// identity headers and a client certificate that nobody believed signed.
type Forged struct {
	Path string `json:"path"`
	// Objects tells whether there are objects there, and not discovery.
	Objects  bool   `json:"objects,omitempty"`
	Plain    Answer `json:"plain"`
	BadToken Answer `json:"badToken"`
	Headers  Answer `json:"headers"`
	Stranger Answer `json:"stranger"`
}

// Reading is a document that was asked for more than once.
type Reading struct {
	Path string `json:"path"`
	Answer
	ETag string `json:"etag,omitempty"`
	// Millis is what the quickest of the whole answers took, in milliseconds.
	Millis int64 `json:"millis,omitempty"`
	// Again is a second read of the same; nil where the first was not served.
	Again *Again `json:"again,omitempty"`
	// Conditional is a read with the second one's ETag in If-None-Match; nil where that had none.
	Conditional *Conditional `json:"conditional,omitempty"`
}

// Conditional is a read with If-None-Match.
type Conditional struct {
	// Status is what was answered, ETag what with; Asked is the ETag that was sent.
	Status int    `json:"status,omitempty"`
	ETag   string `json:"etag,omitempty"`
	Asked  string `json:"asked"`
}

// Again is a second read of a document.
type Again struct {
	ETag string `json:"etag,omitempty"`
	// Same tells whether the content was the same, the order of keys aside.
	Same bool `json:"same,omitempty"`
}

package parity

import (
	"time"

	"sigs.k8s.io/yaml"
)

// Scenario is the content of a scenario.yaml.
type Scenario struct {
	// Name is the folder's name.
	Name string `json:"-"`
	// Dir is the folder.
	Dir string `json:"-"`

	// Description says in a sentence what is compared.
	Description string `json:"description"`
	// Anonymous lets requests without credentials in.
	Anonymous bool `json:"anonymous,omitempty"`
	// Profile is kagg's --profile. Default: upstream.
	Profile string `json:"profile,omitempty"`
	// Within is how long the servers may take to agree on each answer. Default: 15 s.
	Within Duration `json:"within"`
	// RequestHeader names other headers than X-Remote-*.
	RequestHeader RequestHeader `json:"requestHeader"`
	// Backends are the scripted backends, by name. Each has a port for either server, which files name as
	// ${NAME.port}, and a CA, ${NAME.ca} in base64.
	Backends map[string]Backend `json:"backends,omitempty"`
	// Steps are done in order.
	Steps []Step `json:"steps"`
	// Allowed are the differences that are right.
	Allowed []Allowed `json:"allowed,omitempty"`
}

// RequestHeader are the --requestheader-* flags of both servers.
type RequestHeader struct {
	UsernameHeaders     []string `json:"usernameHeaders,omitempty"`
	UIDHeaders          []string `json:"uidHeaders,omitempty"`
	GroupHeaders        []string `json:"groupHeaders,omitempty"`
	ExtraHeaderPrefixes []string `json:"extraHeaderPrefixes,omitempty"`
}

// Backend is how a scripted backend is reached, and what it answers.
type Backend struct {
	// Certificate is its serving certificate.
	Certificate Certificate `json:"certificate"`
	// ClientCertificate is "requested" (default), "required" of the front-proxy CA, or "refused": required of
	// a CA that has signed none.
	ClientCertificate string `json:"clientCertificate,omitempty"`
	// HTTP1 keeps it from speaking HTTP/2.
	HTTP1 bool `json:"http1,omitempty"`
	// Down makes it start stopped.
	Down bool `json:"down,omitempty"`
	// Serve are its answers: the first that matches a request; 404 when none does.
	Serve []Answer `json:"serve,omitempty"`
}

// Certificate is a serving certificate.
type Certificate struct {
	// Names are the DNS names. Default: NAME.default.svc, where NAME is the backend's.
	Names []string `json:"names,omitempty"`
	// UnknownCA makes a CA sign it that ${NAME.ca} is not.
	UnknownCA bool `json:"unknownCA,omitempty"`
	// Expired makes it have ended an hour ago.
	Expired bool `json:"expired,omitempty"`
}

// Answer is one rule of a backend's script.
type Answer struct {
	// Path is the path of the request; a * stands for anything. Default: any.
	Path string `json:"path,omitempty"`
	// Method is the request's. Default: any.
	Method string `json:"method,omitempty"`
	// Accept has to be contained in the request's Accept header.
	Accept string `json:"accept,omitempty"`
	// ETag makes a request with it as If-None-Match be answered with 304, and is in the answer.
	ETag string `json:"etag,omitempty"`

	// Status is the code. Default: 200.
	Status int `json:"status,omitempty"`
	// Headers of the answer.
	Headers map[string]string `json:"headers,omitempty"`
	// Body of the answer, or File in the scenario's folder (YAML is sent as JSON), or so many Bytes.
	Body  string `json:"body,omitempty"`
	File  string `json:"file,omitempty"`
	Bytes int    `json:"bytes,omitempty"`
	// JSON is the body as a document.
	JSON any `json:"json,omitempty"`
	// Resources is the body as an APIResourceList, from "GROUP/VERSION RESOURCE=KIND ...", and Aggregated as
	// an APIGroupDiscoveryList of several of those.
	Resources  string   `json:"resources,omitempty"`
	Aggregated []string `json:"aggregated,omitempty"`
	// Trailers of the answer, which is chunked then.
	Trailers map[string]string `json:"trailers,omitempty"`
	// Informational are the codes of 1xx answers that come first.
	Informational []int `json:"informational,omitempty"`
	// Echo answers with the request's body.
	Echo bool `json:"echo,omitempty"`
	// Events are sent one by one, each when the client has had the one before for Pause.
	Events []string `json:"events,omitempty"`
	Pause  Duration `json:"pause"`
	// Then is what follows: "" the end; "hang" until the client leaves; "reset" the connection breaks.
	Then string `json:"then,omitempty"`
	// Upgrade is the protocol that is switched to, echoing what comes.
	Upgrade string `json:"upgrade,omitempty"`
}

// Step is one thing to do; only one of its fields is set.
type Step struct {
	// Apply creates or updates the objects of a file in both servers.
	Apply string `json:"apply,omitempty"`
	// Objects are created or updated too, and Register are backends with their Services.
	Objects  []map[string]any `json:"objects,omitempty"`
	Register []Registration   `json:"register,omitempty"`
	// Delete deletes objects, as "apiservice/NAME" or "KIND/NAMESPACE/NAME".
	Delete []string `json:"delete,omitempty"`
	// Available waits until both servers give APIServices this status (True or False), by name.
	Available map[string]string `json:"available,omitempty"`
	// Until waits until a GET of the path contains a text on both servers, or lacks it.
	Until *Until `json:"until,omitempty"`
	// Script replaces the answers of backends, by name.
	Script map[string][]Answer `json:"script,omitempty"`
	// Stop and Start name backends.
	Stop  []string `json:"stop,omitempty"`
	Start []string `json:"start,omitempty"`
	// Conditions compares the conditions of all APIServices with a service.
	Conditions bool `json:"conditions,omitempty"`
	// Request is sent to both servers, and the answers compared.
	Request *Request `json:"request,omitempty"`
	// Within is how long the servers may take to get there. Default: 90 s; the scenario's for Conditions.
	Within Duration `json:"within"`
}

// Until is what both servers have to show.
type Until struct {
	Path     string `json:"path"`
	Accept   string `json:"accept,omitempty"`
	Contains string `json:"contains,omitempty"`
	Lacks    string `json:"lacks,omitempty"`
}

// Request is sent to both servers.
type Request struct {
	// Name is how Allowed and messages call it. Default: its method and path.
	Name   string `json:"name,omitempty"`
	Method string `json:"method,omitempty"`
	// Path is the request target as it is sent, with its query.
	Path string `json:"path,omitempty"`
	// Headers, each with one value or several.
	Headers map[string]Values `json:"headers,omitempty"`
	// As is who asks: "admin" (default), by certificate; "proxy", by the front proxy's certificate;
	// "token:TOKEN", or "nobody".
	As string `json:"as,omitempty"`
	// Body of the request, or so many Bytes.
	Body  string `json:"body,omitempty"`
	Bytes int    `json:"bytes,omitempty"`
	// Raw is sent byte by byte over TLS in place of all above but As; its lines end in CR LF.
	Raw string `json:"raw,omitempty"`
	// Lines makes only so many lines of the body be read, and then the client leave.
	Lines int `json:"lines,omitempty"`
	// Leave makes the client leave that long after the answer began; that the backend notices is compared.
	Leave Duration `json:"leave"`
	// Again sends it once more, with the ETag of the first answer as If-None-Match, and compares the second.
	Again bool `json:"again,omitempty"`
	// Status and Contains have to be true of both answers: that nothing is compared that is not yet there.
	Status   int    `json:"status,omitempty"`
	Contains string `json:"contains,omitempty"`
	// Backend is whose received request is compared too.
	Backend string `json:"backend,omitempty"`
	// Parse runs the answer through the clients' own readers: "openapi-v2", "openapi-v3", "discovery".
	Parse string `json:"parse,omitempty"`
	// Within is how long the servers may take to agree. Default: the scenario's.
	Within Duration `json:"within"`
}

// Allowed is a difference that is right.
type Allowed struct {
	// Request is the request's name; * stands for any.
	Request string `json:"request"`
	// Where is the place of the difference as it is told; a * stands for anything.
	Where string `json:"where"`
	// Reason says why kagg differs, in a sentence for users.
	Reason string `json:"reason"`
	// Everywhere tells that it is one of all scenarios.
	Everywhere bool `json:"-"`
	// Sometimes makes it right that there is no difference.
	Sometimes bool `json:"sometimes,omitempty"`
}

// Values are one string or several.
type Values []string

// UnmarshalJSON implements json.Unmarshaler.
func (v *Values) UnmarshalJSON(data []byte) error {
	var one string
	if err := yaml.Unmarshal(data, &one); err == nil {
		*v = Values{one}
		return nil
	}
	var several []string
	if err := yaml.Unmarshal(data, &several); err != nil {
		return err
	}
	*v = several
	return nil
}

// Duration is a duration as Kubernetes writes it.
type Duration struct{ time.Duration }

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := yaml.Unmarshal(data, &text); err != nil {
		return err
	}
	var err error
	d.Duration, err = time.ParseDuration(text)
	return err
}

func (r *Request) method() string {
	switch {
	case r.Method != "":
		return r.Method
	case r.Raw != "":
		return "raw"
	default:
		return "GET"
	}
}

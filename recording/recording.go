package recording

import (
	"strconv"
	"time"

	"github.com/kagg-project/kagg/internal/manifest"
)

// Recording is everything that kagg's answers follow from at one moment. Treat it as immutable.
type Recording struct {
	// Server is how kagg was configured; nil when that was not recorded.
	Server *Server
	// Objects are the objects and where they were read, in the order of the files: APIServices with a spec.service,
	// Services, EndpointSlices, Endpoints, and in RBAC mode the objects of rbac.authorization.k8s.io.
	Objects []manifest.Object
	// Backends are sorted by folder name, each there once.
	Backends []Backend
	// Local is what the local APIs say; nil when that was not recorded.
	Local *Local
}

// Server is how kagg was configured. It is the file local/server.json.
type Server struct {
	// Kagg and Kubernetes are the versions of kagg, and of the Kubernetes that it behaves as.
	Kagg       string `json:"kagg,omitempty"`
	Kubernetes string `json:"kubernetes,omitempty"`
	// URL is where kagg was reached.
	URL string `json:"url,omitempty"`
	// Time is when the recording was made.
	Time time.Time `json:"time,omitzero"`
	// Profile is the value of --profile.
	Profile string `json:"profile,omitempty"`
	// AuthorizationModes are the values of --authorization-mode, in order.
	AuthorizationModes []string `json:"authorizationModes,omitempty"`
	// Endpoints are the values of --endpoint.
	Endpoints []string `json:"endpoints,omitempty"`
	// ProxyClientCertificate is the front-proxy client certificate, in PEM, without its key.
	ProxyClientCertificate string `json:"proxyClientCertificate,omitempty"`
	// RequestHeaderClientCA is the CA that the ConfigMap extension-apiserver-authentication publishes, in PEM.
	RequestHeaderClientCA string `json:"requestHeaderClientCA,omitempty"`
	// RequestHeaderAllowedNames are the common names of believed front proxies.
	RequestHeaderAllowedNames []string `json:"requestHeaderAllowedNames,omitempty"`
	// FileErrors are what is wrong with the files that kagg watches, whose last good content it serves, by file and line.
	FileErrors []FileError `json:"fileErrors,omitempty"`
	// TrustedCA is what APIServices without a caBundle are verified by beside the system's roots, in PEM.
	TrustedCA string `json:"trustedCA,omitempty"`
}

// FileError is what manifest.Error says, of a file with its whole path.
type FileError struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
	Mend    string `json:"mend,omitempty"`
}

// Documents are what one server says of its API, as it said it; nil where it says nothing.
type Documents struct {
	// Discovery is the APIGroupDiscoveryList of /apis.
	Discovery []byte
	// Legacy are the APIResourceLists, by group-version ("apps/v1"; "v1" for the core group).
	Legacy map[string][]byte
	// OpenAPIV2 is the document of /openapi/v2, in JSON.
	OpenAPIV2 []byte
	// OpenAPIV3Index is the document of /openapi/v3.
	OpenAPIV3Index []byte
	// OpenAPIV3 are the documents of /openapi/v3/KEY, in JSON, by key ("apis/apps/v1").
	OpenAPIV3 map[string][]byte
}

// Backend is what is known of one backend.
type Backend struct {
	// Folder is the name of its folder below backends/: NAMESPACE_NAME_PORT, and a further _N where several backends
	// are reached through one port of one Service (by another caBundle, say).
	Folder          string
	Namespace, Name string
	Port            int32
	Documents
	// State is the file state.json; nil when there is none: each document is then as the backend answered, one that
	// is not there was answered with 404, and every probe passed.
	State *State
}

// Label is "namespace/name:port".
func (b *Backend) Label() string {
	return b.Namespace + "/" + b.Name + ":" + strconv.Itoa(int(b.Port))
}

// State is what kagg knew of a backend beside its documents. Group-versions are written "apps/v1".
type State struct {
	// APIServices are the names of those that the backend serves.
	APIServices []string `json:"apiServices,omitempty"`
	// Probes are what the newest probe of each group-version found; one that is missing has not been probed.
	Probes map[string]Probe `json:"probes,omitempty"`
	// Forms say how discovery was answered: aggregated, legacy or none, by group-version.
	Forms map[string]string `json:"forms,omitempty"`
	// DiscoveryFailures say why the newest discovery failed, by group-version. Documents has the last good one.
	DiscoveryFailures map[string]string `json:"discoveryFailures,omitempty"`
	// OpenAPIV2Failure and OpenAPIV3Failure say why the newest fetch failed. Documents has the last good ones.
	OpenAPIV2Failure string `json:"openAPIV2Failure,omitempty"`
	OpenAPIV3Failure string `json:"openAPIV3Failure,omitempty"`
	// Unclaimed are group-versions that the backend lists and no APIService sends to it.
	Unclaimed []string `json:"unclaimed,omitempty"`
	// DiscoveryPending and OpenAPIPending say that it had not been asked for them yet.
	DiscoveryPending bool `json:"discoveryPending,omitempty"`
	OpenAPIPending   bool `json:"openAPIPending,omitempty"`
}

// Probe is what a probe found.
type Probe struct {
	// Failure is why it failed; "" when it passed.
	Failure string `json:"failure,omitempty"`
	// Hint says what usually mends it.
	Hint string `json:"hint,omitempty"`
}

// Local is what the local APIs say.
type Local struct {
	// APIServices are the Local APIServices.
	APIServices []manifest.Object
	// Core is the APIGroupDiscoveryList of /api.
	Core []byte
	Documents
	// CustomResources is what CustomResourceDefinitions define.
	CustomResources Documents
}

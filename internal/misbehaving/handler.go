package misbehaving

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// What is where.
const (
	versionPath = "/apis/" + Group + "/" + Version
	shipsPath   = versionPath + "/ships"
	itemsPath   = versionPath + "/namespaces/{namespace}/ships"
)

// handler answers every request.
type handler struct {
	faults   faults
	fleet    *fleet
	believed *x509.CertPool
	stop     <-chan struct{}
	// asked counts the requests, for what differs from one to the next.
	asked atomic.Int64
	// slept counts the answers that may be slow.
	slept atomic.Int64
}

// ServeHTTP answers one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.asked.Add(1)
	if h.faults[Hangs] {
		h.hang(r)
		return
	}
	if !h.allowed(w, r) {
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis", h.aggregated)
	mux.HandleFunc("GET "+versionPath, h.legacy)
	mux.HandleFunc("GET /openapi/v2", h.openAPIV2)
	mux.HandleFunc("GET /openapi/v3", h.openAPIV3)
	mux.HandleFunc("GET /openapi/v3"+versionPath, h.openAPIV3Version)
	for _, path := range []string{shipsPath, itemsPath} {
		mux.HandleFunc("GET "+path, h.collection)
		mux.HandleFunc("GET "+path+"/{name}", h.get)
	}
	mux.HandleFunc("POST "+itemsPath, h.create)
	mux.HandleFunc("DELETE "+itemsPath+"/{name}", h.remove)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "NotFound", "there is nothing at "+r.URL.Path)
	})
	mux.ServeHTTP(w, r)
}

// hang keeps a request for as long as its client waits.
func (h *handler) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-h.stop:
	}
}

// sleep takes d, unless nobody waits any more.
func (h *handler) sleep(r *http.Request, d time.Duration) {
	select {
	case <-r.Context().Done():
	case <-h.stop:
	case <-time.After(d):
	}
}

// who is whom the server takes for the client, with the groups.
func (h *handler) who(r *http.Request) (string, []string) {
	const anonymous = "system:anonymous"
	var certificate *x509.Certificate
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		certificate = r.TLS.PeerCertificates[0]
	}
	trusted := h.faults[ObeysForgedHeaders] || h.faults[BelievesAnyCertificate] && certificate != nil
	if certificate != nil && !trusted {
		_, err := certificate.Verify(x509.VerifyOptions{Roots: h.believed, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		trusted = err == nil
	}
	switch {
	case h.faults[AnswersAsAnonymous], !trusted:
		return anonymous, nil
	case h.faults[AnswersAsProxy]:
		return certificate.Subject.CommonName, nil
	case r.Header.Get("X-Remote-User") == "":
		return anonymous, nil
	}
	return r.Header.Get("X-Remote-User"), r.Header.Values("X-Remote-Group")
}

// allowed answers whoever may not do what they ask for, as k8s.io/apiserver does.
func (h *handler) allowed(w http.ResponseWriter, r *http.Request) bool {
	user, groups := h.who(r)
	known := user != "system:anonymous"
	switch {
	case h.faults[AnswersUnauthorized]:
		refuse(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
		return false
	case h.faults[OpenToAll], h.faults[DiscoveryOpenToAll] && !strings.Contains(r.URL.Path, "/ships"):
		return true
	case slices.Contains(groups, "system:masters"), h.faults[AllowsEverybody] && known:
		return true
	// Discovery is for whoever is authenticated.
	case known && !h.faults[AnswersAsProxy] && !strings.Contains(r.URL.Path, "/ships"):
		return true
	}
	if h.faults[UnauthorizedForForbidden] {
		refuse(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
		return false
	}
	refuse(w, http.StatusForbidden, "Forbidden", fmt.Sprintf("forbidden: User %q cannot %s path %q", user, strings.ToLower(r.Method), r.URL.Path))
	return false
}

func refuse(w http.ResponseWriter, code int, reason, message string) {
	reply(w, code, map[string]any{
		"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{},
		"status": "Failure", "reason": reason, "message": message, "code": code,
	})
}

// reply writes a body as JSON. A write fails only when the client is gone.
func reply(w http.ResponseWriter, code int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(data)
}

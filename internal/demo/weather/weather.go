// Package weather is an example of a custom apiserver written by hand on
// net/http alone: one read-only resource, discovery in its legacy form only, and
// OpenAPI v2 only. Many apiservers in the field are like it, and the aggregation
// layer in front makes up for what they lack.
//
// What comes in is an HTTP request over TLS; the caller is who X-Remote-User says
// when the connection's client certificate was signed by the front-proxy CA, and
// nobody otherwise. What goes out is JSON. It holds no state and it never asks
// another server anything: whoever is authenticated may read the forecasts.
package weather

import (
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The group and the version that are served.
const (
	GroupName = "weather.demo.kagg.dev"
	Version   = "v1"
)

const (
	groupVersion = GroupName + "/" + Version
	root         = "/apis/" + groupVersion
)

//go:embed openapi.json
var openAPI string

// NewHandler returns the apiserver as a handler. It trusts the X-Remote-User
// header of a request whose TLS client certificate is signed by a certificate in
// frontProxyCA, in PEM; any other request is answered with 401. It fails when
// frontProxyCA holds no certificate. The server in front of the handler must ask
// for a client certificate (tls.RequestClientCert) and leave its verification to
// the handler.
func NewHandler(frontProxyCA []byte) (http.Handler, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(frontProxyCA) {
		return nil, errors.New("the front-proxy CA holds no certificate in PEM form: " +
			"pass the file that the aggregator publishes as requestheader-client-ca-file")
	}
	sum := sha256.Sum256([]byte(openAPI))
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`

	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"/forecasts", list)
	mux.HandleFunc("GET "+root+"/forecasts/{name}", get)
	mux.HandleFunc("GET "+root, discovery)
	mux.HandleFunc("GET /openapi/v2", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// A write fails only when the client is gone, and then nobody reads an answer.
		_, _ = w.Write([]byte(openAPI))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, root+"/forecasts") {
			refuse(w, http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, "forecasts can be read, not written or watched")
			return
		}
		refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound, "there is nothing at "+r.URL.Path)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := authenticate(r, pool); err != nil {
			refuse(w, http.StatusUnauthorized, metav1.StatusReasonUnauthorized, err.Error())
			return
		}
		mux.ServeHTTP(w, r)
	}), nil
}

// authenticate fails unless the request comes through an aggregator that this
// server trusts and says whom it is for.
//
// The check of the certificate is the whole security of a custom apiserver:
// without it anybody who can connect is whoever they say they are.
func authenticate(r *http.Request, frontProxy *x509.CertPool) error {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return errors.New("no client certificate: ask through the aggregator")
	}
	intermediates := x509.NewCertPool()
	for _, cert := range r.TLS.PeerCertificates[1:] {
		intermediates.AddCert(cert)
	}
	_, err := r.TLS.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots:         frontProxy,
		Intermediates: intermediates,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("the client certificate of %q is not of the front proxy: %w", r.TLS.PeerCertificates[0].Subject.CommonName, err)
	}
	if r.Header.Get("X-Remote-User") == "" {
		return errors.New("the front proxy did not say who the user is: X-Remote-User is missing")
	}
	return nil
}

// discovery answers which resources there are: the one thing that kubectl needs
// to find them.
func discovery(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
		GroupVersion: groupVersion,
		APIResources: []metav1.APIResource{{
			Name: "forecasts", SingularName: "forecast", Kind: "Forecast", ShortNames: []string{"fc"},
			Verbs: metav1.Verbs{"get", "list"},
		}},
	})
}

// refuse answers with a Status, the form in which Kubernetes clients expect and
// print errors.
func refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	reply(w, code, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
}

// reply writes body as JSON.
func reply(w http.ResponseWriter, code int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "cannot encode the answer: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	// A write fails only when the client is gone, and then nobody reads an answer.
	_, _ = w.Write(data)
}

package launch_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
)

// roleVariable makes the test binary play an apiserver.
const roleVariable = "KAGG_LAUNCH_TEST_ROLE"

// readyVariable names the file that a slow apiserver waits for.
const readyVariable = "KAGG_LAUNCH_TEST_READY"

func TestMain(m *testing.M) {
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

const (
	aggregatedDocument = `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[
{"metadata":{"name":"things.example.com"},"versions":[{"version":"v1beta1","resources":[]},{"version":"v1","resources":[]},{"version":"v2alpha1","resources":[]}]},
{"metadata":{"name":"apps"},"versions":[{"version":"v1","resources":[]}]}]}`
	groupList = `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"things.example.com",
"versions":[{"groupVersion":"things.example.com/v1","version":"v1"}],"preferredVersion":{"groupVersion":"things.example.com/v1","version":"v1"}}]}`
	aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
)

// play is an apiserver: one that knows the flags of its role alone.
func play(role string) error {
	flags := pflag.NewFlagSet("apiserver", pflag.ContinueOnError)
	flags.Usage = func() {}
	port := flags.String("secure-port", os.Getenv("KAGG_PORT"), "")
	cert := flags.String("tls-cert-file", os.Getenv("KAGG_TLS_CERT_FILE"), "")
	key := flags.String("tls-private-key-file", os.Getenv("KAGG_TLS_PRIVATE_KEY_FILE"), "")
	if role != "strict" {
		for _, name := range []string{"bind-address", "kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"} {
			flags.String(name, "", "")
		}
	}
	if role == "environment" {
		flags = pflag.NewFlagSet("apiserver", pflag.ContinueOnError)
	}
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	if role == "broken" {
		return fmt.Errorf("no storage is configured")
	}
	if os.Getenv("KUBECONFIG") == "" || os.Getenv("KAGG_SERVER") == "" {
		return fmt.Errorf("the environment lacks where kagg is")
	}
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(os.Getenv("KAGG_REQUESTHEADER_CLIENT_CA_FILE"))
	if err != nil {
		return err
	}
	proxies := x509.NewCertPool()
	proxies.AppendCertsFromPEM(ca)
	server := &http.Server{
		Addr: net.JoinHostPort("127.0.0.1", *port), Handler: handler(role), ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: proxies},
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() {
		if role == "stubborn" || role == "lingering" {
			return
		}
		fmt.Println("stopped gently")
		_ = server.Close()
	})
	return server.ListenAndServeTLS("", "")
}

func handler(role string) http.Handler {
	mux := http.NewServeMux()
	write := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(body))
		}
	}
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, req *http.Request) {
		switch {
		case role == "hanging":
			<-req.Context().Done()
		case role == "unready", role == "stubborn", role == "slow" && !exists(os.Getenv(readyVariable)):
			http.Error(w, "[+]ping ok\n[-]informer-sync failed: reason withheld\nreadyz check failed", http.StatusInternalServerError)
		case role == "legacy":
			http.NotFound(w, nil)
		}
	})
	switch role {
	case "silent", "described":
	case "legacy":
		mux.HandleFunc("/apis", write("application/json", groupList))
	case "mute":
		mux.HandleFunc("/apis", write("application/json", `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`))
	default:
		mux.HandleFunc("/apis", write(aggregatedType, aggregatedDocument))
	}
	for _, version := range []string{"v1", "v1beta1", "v2alpha1"} {
		if role == "partial" && version == "v1beta1" {
			continue
		}
		mux.HandleFunc("/apis/things.example.com/"+version, write("application/json",
			`{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"things.example.com/`+version+`","resources":[]}`))
	}
	paths := ""
	if role == "described" {
		paths = `"/apis/things.example.com/v1/things":{},"/apis/things.example.com/":{}`
	}
	mux.HandleFunc("/openapi/v2", write("application/json", `{"swagger":"2.0","info":{"title":"things","version":"1"},"paths":{`+paths+`}}`))
	return mux
}

package harness

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"strconv"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

// SampleAPIServer is a running k8s.io/sample-apiserver.
type SampleAPIServer struct {
	*Process

	// Flags are all the flags that it was started with.
	Flags []string
}

// StartSampleAPIServer runs the sample-apiserver on a port of 127.0.0.1, on etcd
// at etcdURL, delegating to k, with a certificate minted for the Service
// namespace/service, and returns when its own /readyz is ok. Whatever else could
// be set has its default.
func StartSampleAPIServer(t testing.TB, k *Kagg, etcdURL, namespace, service string, port int) *SampleAPIServer {
	t.Helper()
	certFile, keyFile := k.Cert(t, namespace, service)
	s := &SampleAPIServer{Flags: []string{
		"--etcd-servers=" + etcdURL,
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + certFile,
		"--tls-private-key-file=" + keyFile,
		"--kubeconfig=" + k.APIServerKubeconfig,
		"--authentication-kubeconfig=" + k.APIServerKubeconfig,
		"--authorization-kubeconfig=" + k.APIServerKubeconfig,
	}}
	cmd := roleCommand(t, roleSampleAPIServer, s.Flags...)
	cmd.Dir = t.TempDir()
	s.Process = startProcess(t, "sample-apiserver", cmd)

	client := directClient(t, k.Kubeconfig, service+"."+namespace+".svc")
	client.URL = "https://127.0.0.1:" + strconv.Itoa(port)
	awaitReady(t, "the sample-apiserver", s.Process, client)
	return s
}

// directClient is a client without a certificate that trusts the CA in kubeconfig
// and wants the server to be serverName.
func directClient(t testing.TB, kubeconfig, serverName string) *Client {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	ca := config.CAData
	if len(ca) == 0 {
		if ca, err = os.ReadFile(config.CAFile); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		t.Fatalf("no CA certificate in %s", kubeconfig)
	}
	return &Client{http: &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, ServerName: serverName, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}}}
}

// parseCertificate returns the first certificate in data.
func parseCertificate(data []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	return x509.ParseCertificate(block.Bytes)
}

// SampleAPIServerCommand returns the command line that runs the sample-apiserver on
// etcd at etcdURL with no flag beside that, and the environment variable, as
// NAME=value, that it takes.
func SampleAPIServerCommand(etcdURL string) (command []string, env string) {
	return []string{os.Args[0], "--etcd-servers=" + etcdURL}, roleVariable + "=" + roleSampleAPIServer
}

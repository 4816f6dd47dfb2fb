package pki

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// contextName names the context and the cluster in both kubeconfigs.
const contextName = "kagg"

// WriteKubeconfigs writes Kubeconfig (as Admin) and APIServerKubeconfig (as APIServer) for the server,
// an https URL such as https://127.0.0.1:6443. Certificates, keys and the cluster CA are embedded, so
// each file can be used from anywhere; the context is called kagg. A file whose content would not
// change is not written, so its watchers stay quiet.
//
// servingCA is PEM that clients are to verify the server by beside the cluster CA, for a server that
// serves with a certificate of another make; nil for none.
//
// A server that is no https URL with a host, and a certificate or key that cannot be read, are errors.
func (s *State) WriteKubeconfigs(server string, servingCA []byte) error {
	u, err := url.Parse(server)
	if err != nil {
		return fmt.Errorf("kubeconfig server %q is no URL: %w", server, err)
	}
	if u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("kubeconfig server %q is no https URL with a host: give one like https://127.0.0.1:6443", server)
	}
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	err = firstError(
		s.writeKubeconfig(s.Kubeconfig, server, servingCA, AdminUser, s.Admin),
		s.writeKubeconfig(s.APIServerKubeconfig, server, servingCA, apiserverUser, s.APIServer),
	)
	return firstError(err, unlock())
}

func (s *State) writeKubeconfig(file, server string, servingCA []byte, user string, client Pair) error {
	var pems [3][]byte
	for i, name := range []string{s.ClusterCA.CertFile, client.CertFile, client.KeyFile} {
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("write kubeconfig %q: %w", file, err)
		}
		pems[i] = data
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[contextName] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: append(pems[0], servingCA...)}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: pems[1], ClientKeyData: pems[2]}
	config.Contexts[contextName] = &clientcmdapi.Context{Cluster: contextName, AuthInfo: user}
	config.CurrentContext = contextName
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encode kubeconfig %q: %w", file, err)
	}

	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read kubeconfig: %w", err)
	}
	if err == nil && bytes.Equal(old, data) {
		return tighten(file)
	}
	return writeFile(file, data, keyMode)
}

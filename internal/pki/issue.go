package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// maxCommonName is the longest common name that X.509 allows (RFC 5280, ub-common-name).
const maxCommonName = 64

// IssueServing returns the files of a serving certificate for a backend, signed by the cluster CA, and
// makes it if there is none in CertsDir that is valid for long enough, or it lacks a wanted host. It is
// valid for service.namespace.svc (the name that an aggregator asks for), service.namespace,
// service.namespace.svc.cluster.local, service, localhost, 127.0.0.1, ::1 and extraHosts (DNS names or
// IP addresses, without a port).
//
// A namespace or service that is no DNS label and a host that is no host are errors, as is a damaged
// file or a cluster CA that was deleted since Ensure.
func (s *State) IssueServing(namespace, service string, extraHosts ...string) (certFile, keyFile string, err error) {
	for _, part := range []struct{ what, value string }{{"namespace", namespace}, {"service", service}} {
		if problems := validation.IsDNS1123Label(part.value); len(problems) > 0 {
			return "", "", fmt.Errorf("%s %q of a serving certificate is no valid name: %s", part.what, part.value, strings.Join(problems, "; "))
		}
	}
	base := service + "." + namespace
	wanted, err := parseHosts(append([]string{
		base + ".svc", base, base + ".svc.cluster.local", service, "localhost", "127.0.0.1", "::1",
	}, extraHosts...))
	if err != nil {
		return "", "", err
	}

	unlock, err := s.lock()
	if err != nil {
		return "", "", err
	}
	p := pairIn(s.CertsDir, base)
	err = s.ensureIssued(p, issuedLeaf(namespace, service, wanted))
	if err := firstError(err, unlock()); err != nil {
		return "", "", err
	}
	return p.CertFile, p.KeyFile, nil
}

// ensureIssued reads the cluster CA from disk each time: another kagg may have made it anew.
func (s *State) ensureIssued(p Pair, l leaf) error {
	cert, key, err := loadPair(s.ClusterCA)
	if err != nil {
		return err
	}
	if cert == nil || key == nil {
		return fmt.Errorf("cluster CA %q or its key is gone: restart kagg to have it made anew", s.ClusterCA.CertFile)
	}
	_, err = ensureLeaf(p, l, &authority{cert: cert, key: key}, s.now())
	return err
}

// renewIssued makes anew, with the same hosts, every certificate of IssueServing that a does not vouch
// for or that is about to expire, and returns those. Other files in the folder are left alone.
func (s *State) renewIssued(a *authority) ([]Pair, error) {
	entries, err := os.ReadDir(s.CertsDir)
	if err != nil {
		return nil, fmt.Errorf("read folder of serving certificates: %w", err)
	}
	var renewed []Pair
	for _, e := range entries {
		base, isCert := strings.CutSuffix(e.Name(), ".crt")
		service, namespace, ok := strings.Cut(base, ".")
		if !isCert || !ok || len(validation.IsDNS1123Label(service)) > 0 || len(validation.IsDNS1123Label(namespace)) > 0 {
			continue
		}
		p := pairIn(s.CertsDir, base)
		old, err := loadCert(filepath.Join(s.CertsDir, e.Name()))
		if err != nil {
			return nil, err
		}
		if old == nil {
			continue
		}
		written, err := ensureLeaf(p, issuedLeaf(namespace, service, hostsOf(old)), a, s.now())
		if err != nil {
			return nil, err
		}
		if written {
			renewed = append(renewed, p)
		}
	}
	return renewed, nil
}

func issuedLeaf(namespace, service string, h hosts) leaf {
	commonName := service + "." + namespace + ".svc"
	if len(commonName) > maxCommonName {
		commonName = service
	}
	return leaf{
		subject: pkix.Name{CommonName: commonName},
		usages:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		hosts:   h,
	}
}

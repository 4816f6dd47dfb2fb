package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"
)

const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 365 * 24 * time.Hour
	// renewBefore is the least time that a certificate must still be valid, however short its life.
	renewBefore = 30 * 24 * time.Hour
	// backdate lets a client or backend whose clock is a little behind accept a new certificate.
	backdate = 5 * time.Minute

	// AdminUser is whom the kubeconfig of kagg names.
	AdminUser = "kubernetes-admin"
	// AdminGroup is the group that AdminUser is in.
	AdminGroup = "system:masters"

	apiserverUser  = "system:kagg:apiserver"
	apiserverGroup = "system:kagg:apiservers"
	frontProxyUser = "front-proxy-client"
)

// Options says how Ensure makes certificates. The zero value is usable.
type Options struct {
	// Now is the clock that validity is set and judged by. Default: time.Now.
	Now func() time.Time
	// ServingHosts are further DNS names and IP addresses, without a port, that the serving certificate
	// is to be valid for. It is always valid for localhost, 127.0.0.1, ::1 and the names of the service
	// "kubernetes" in the namespace "default". Default: none further.
	ServingHosts []string
}

// Pair names the two files of one certificate: PEM, the certificate in one and its key in the other.
type Pair struct {
	CertFile, KeyFile string
}

// State names the files of a state folder that Ensure has made complete. All names are absolute. It
// holds no key, and does not change after Ensure returned it: its methods may be called concurrently,
// in several processes too.
type State struct {
	// Dir is the state folder.
	Dir string
	// ClusterCA signs Serving, Admin, APIServer and every certificate of IssueServing.
	ClusterCA Pair
	// Serving is what kagg itself serves with.
	Serving Pair
	// FrontProxyCA signs FrontProxyClient alone; backends trust it to vouch for identity headers.
	FrontProxyCA Pair
	// FrontProxyClient is kagg's client certificate towards backends, common name front-proxy-client.
	FrontProxyClient Pair
	// Admin is a client certificate for the user kubernetes-admin in the group system:masters.
	Admin Pair
	// APIServer is a client certificate for custom apiservers: the user system:kagg:apiserver in the
	// group system:kagg:apiservers.
	APIServer Pair
	// ServiceAccountKey is the file of the private key that signs the tokens of ServiceAccounts, in PEM. It
	// is made once and has no end: what it signed would end with it.
	ServiceAccountKey string
	// Kubeconfig and APIServerKubeconfig are the files that WriteKubeconfigs writes, for Admin and
	// APIServer. They do not exist before its first call.
	Kubeconfig, APIServerKubeconfig string
	// CertsDir is the folder of the certificates that IssueServing makes.
	CertsDir string
	// Changed are the files of certificates and keys that this Ensure made or made anew, sorted; empty if all was good.
	Changed []string

	now func() time.Time
}

// Ensure makes the state folder dir complete and returns its State: it creates what is missing, makes
// anew what is about to expire, and uses the rest as it is. A leaf (valid for one year) and a CA (ten
// years) are made anew when under a third of their life or under 30 days are left; a new CA makes anew
// all that it had signed, the certificates of IssueServing included. The serving certificate is also
// made anew when it lacks a wanted host. A leaf whose key does not belong to it is taken for a write
// that was cut short, and made anew.
//
// Folders get mode 0700 and keys 0600, also when they had a wider one; but a folder that others can
// read and that holds other things than kagg's is refused, lest a folder like /tmp be closed to its
// users. A file that cannot be parsed, and a CA whose key does not belong to it, is an error that names
// the file and what to delete; nothing is overwritten then.
//
// Ensure may run at once in several goroutines and processes on one folder: a lock file in it makes
// the later ones wait, then find everything there.
func Ensure(dir string, o Options) (*State, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	hosts, err := parseHosts(append(kaggHosts(), o.ServingHosts...))
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolve state folder %q: %w", dir, err)
	}
	s := newState(abs, o.Now)
	if err := s.makeDirs(); err != nil {
		return nil, err
	}
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	changed, err := s.ensureAll(hosts)
	if err := firstError(err, unlock()); err != nil {
		return nil, err
	}
	s.Changed = changed
	return s, nil
}

// Locate returns where the files of the state folder dir are, be they there or not. It makes nothing, and nothing may
// be issued with what it returns.
func Locate(dir string) *State { return newState(dir, time.Now) }

func newState(dir string, now func() time.Time) *State {
	pair := func(name string) Pair { return pairIn(filepath.Join(dir, "pki"), name) }
	return &State{
		Dir:                 dir,
		ClusterCA:           pair("cluster-ca"),
		Serving:             pair("serving"),
		FrontProxyCA:        pair("front-proxy-ca"),
		FrontProxyClient:    pair("front-proxy-client"),
		Admin:               pair("admin"),
		APIServer:           pair("apiserver"),
		ServiceAccountKey:   filepath.Join(dir, "pki", "service-account.key"),
		Kubeconfig:          filepath.Join(dir, "kubeconfig"),
		APIServerKubeconfig: filepath.Join(dir, "apiserver.kubeconfig"),
		CertsDir:            filepath.Join(dir, "certs"),
		now:                 now,
	}
}

// kaggHosts are the names that kagg is always reached by: the machine itself, and what a client inside
// a cluster would call the kube-apiserver.
func kaggHosts() []string {
	return []string{
		"localhost", "127.0.0.1", "::1",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}
}

// ClusterCAName is the common name of the CA that signs serving certificates and the administrator's.
const ClusterCAName = "kagg-cluster-ca"

// ensureAll makes every pair good, CAs before what they sign, and returns the files written, sorted.
func (s *State) ensureAll(serving hosts) ([]string, error) {
	changed := map[string]bool{}
	note := func(p Pair, written bool) {
		if written {
			changed[p.CertFile], changed[p.KeyFile] = true, true
		}
	}

	authorities := map[Pair]*authority{}
	for _, ca := range []struct {
		pair Pair
		name string
	}{
		{s.ClusterCA, ClusterCAName},
		{s.FrontProxyCA, "kagg-front-proxy-ca"},
	} {
		a, written, err := ensureCA(ca.pair, ca.name, s.now())
		if err != nil {
			return nil, err
		}
		authorities[ca.pair] = a
		note(ca.pair, written)
	}

	for _, l := range s.leaves(serving) {
		written, err := ensureLeaf(l.pair, l.leaf, authorities[l.ca], s.now())
		if err != nil {
			return nil, err
		}
		note(l.pair, written)
	}

	made, err := ensureKey(s.ServiceAccountKey)
	if err != nil {
		return nil, err
	}
	if made {
		changed[s.ServiceAccountKey] = true
	}

	issued, err := s.renewIssued(authorities[s.ClusterCA])
	if err != nil {
		return nil, err
	}
	for _, p := range issued {
		note(p, true)
	}
	return slices.Sorted(maps.Keys(changed)), nil
}

type plannedLeaf struct {
	pair, ca Pair
	leaf     leaf
}

// leaves are the certificates that every state folder has.
func (s *State) leaves(serving hosts) []plannedLeaf {
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return []plannedLeaf{
		{s.Serving, s.ClusterCA, leaf{
			subject: pkix.Name{CommonName: "kagg"},
			usages:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			hosts:   serving,
		}},
		{s.Admin, s.ClusterCA, leaf{
			subject: pkix.Name{CommonName: AdminUser, Organization: []string{AdminGroup}},
			usages:  client,
		}},
		{s.APIServer, s.ClusterCA, leaf{
			subject: pkix.Name{CommonName: apiserverUser, Organization: []string{apiserverGroup}},
			usages:  client,
		}},
		{s.FrontProxyClient, s.FrontProxyCA, leaf{
			subject: pkix.Name{CommonName: frontProxyUser},
			usages:  client,
		}},
	}
}

// firstError returns the first that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

const day = 24 * time.Hour

func mustEnsure(t *testing.T, dir string, o Options) *State {
	t.Helper()
	s, err := Ensure(dir, o)
	if err != nil {
		t.Fatalf("Ensure: %v", err)
	}
	return s
}

func mustCert(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	c, err := loadCert(file)
	if err != nil || c == nil {
		t.Fatalf("load %s: %v, %v", file, c, err)
	}
	return c
}

func poolOf(t *testing.T, files ...string) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	for _, f := range files {
		pool.AddCert(mustCert(t, f))
	}
	return pool
}

// contents are the files of a state folder by relative name; lock files are left out.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == ".lock" {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		got[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEnsureMakesCertificates(t *testing.T) {
	t.Parallel()
	s := mustEnsure(t, filepath.Join(t.TempDir(), "a", "state"), Options{Now: at(start), ServingHosts: []string{"Kagg.Example.", "10.0.0.7", "[::2]"}})
	for _, tc := range []struct {
		name     string
		pair, ca Pair
		subject  string
		ca10     bool
		usages   []x509.ExtKeyUsage
		names    []string
		ips      string
	}{
		{"cluster CA", s.ClusterCA, s.ClusterCA, "CN=kagg-cluster-ca", true, nil, nil, "[]"},
		{"front-proxy CA", s.FrontProxyCA, s.FrontProxyCA, "CN=kagg-front-proxy-ca", true, nil, nil, "[]"},
		{"serving", s.Serving, s.ClusterCA, "CN=kagg", false, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			[]string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "kagg.example"},
			"[127.0.0.1 ::1 10.0.0.7 ::2]"},
		{"front-proxy client", s.FrontProxyClient, s.FrontProxyCA, "CN=front-proxy-client", false, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, nil, "[]"},
		{"admin", s.Admin, s.ClusterCA, "CN=kubernetes-admin,O=system:masters", false, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, nil, "[]"},
		{"apiserver", s.APIServer, s.ClusterCA, "CN=system:kagg:apiserver,O=system:kagg:apiservers", false, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, nil, "[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, ca := mustCert(t, tc.pair.CertFile), mustCert(t, tc.ca.CertFile)
			life, usage := leafLife, x509.KeyUsageDigitalSignature
			if tc.ca10 {
				life, usage = caLife, x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign|x509.KeyUsageCRLSign
			}
			type facts struct {
				Subject             string
				IsCA                bool
				Usage               x509.KeyUsage
				Usages              []x509.ExtKeyUsage
				Names               []string
				IPs                 string
				NotBefore, NotAfter time.Time
				AKI                 []byte
			}
			want := facts{tc.subject, tc.ca10, usage, tc.usages, tc.names, tc.ips, start.Add(-5 * time.Minute), start.Add(life), ca.SubjectKeyId}
			got := facts{c.Subject.String(), c.IsCA, c.KeyUsage, c.ExtKeyUsage, c.DNSNames, fmt.Sprint(c.IPAddresses), c.NotBefore, c.NotAfter, c.AuthorityKeyId}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("certificate (-want +got):\n%s", d)
			}
			if key, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
				t.Errorf("public key = %T, want ECDSA P-256", c.PublicKey)
			}
			if c.SerialNumber.BitLen() < 64 || len(c.SubjectKeyId) != 20 {
				t.Errorf("serial %v, subject key id %x: want a random one and 20 bytes", c.SerialNumber, c.SubjectKeyId)
			}
			if _, err := c.Verify(x509.VerifyOptions{Roots: poolOf(t, tc.ca.CertFile), CurrentTime: start, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
				t.Errorf("verify: %v", err)
			}
		})
	}
}

func TestServingNamesVerify(t *testing.T) {
	t.Parallel()
	s := mustEnsure(t, t.TempDir(), Options{ServingHosts: []string{"kagg.example"}})
	c, roots := mustCert(t, s.Serving.CertFile), poolOf(t, s.ClusterCA.CertFile)
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "kagg.example"} {
		if _, err := c.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("verify %s: %v", name, err)
		}
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: roots, DNSName: "other.example"}); err == nil {
		t.Error("verify other.example: no error")
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: poolOf(t, s.FrontProxyCA.CertFile)}); err == nil {
		t.Error("the front-proxy CA vouches for the serving certificate")
	}
}

func TestEnsureReuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := mustEnsure(t, dir, Options{Now: at(start), ServingHosts: []string{"b.example", "a.example"}})
	if len(first.Changed) != 13 {
		t.Errorf("first Ensure changed %q, want 13 files", first.Changed)
	}
	if _, _, err := first.IssueServing("ns", "svc"); err != nil {
		t.Fatal(err)
	}
	before := contents(t, dir)
	second := mustEnsure(t, dir, Options{Now: at(start.Add(day)), ServingHosts: []string{"a.example"}})
	if len(second.Changed) > 0 {
		t.Errorf("second Ensure changed %q", second.Changed)
	}
	if d := cmp.Diff(before, contents(t, dir)); d != "" {
		t.Errorf("files changed:\n%s", d)
	}
}

func TestEnsureRenews(t *testing.T) {
	t.Parallel()
	leaves := []string{"certs/svc.ns", "pki/admin", "pki/apiserver", "pki/front-proxy-client", "pki/serving"}
	everything := []string{"certs/svc.ns", "pki/admin", "pki/apiserver", "pki/cluster-ca", "pki/front-proxy-ca", "pki/front-proxy-client", "pki/serving"}
	remove := func(names ...string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			for _, n := range names {
				if err := os.Remove(filepath.Join(dir, n)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, tc := range []struct {
		name    string
		change  func(t *testing.T, dir string)
		options Options
		want    []string
	}{
		{"a third and a day of a leaf's life left", nil, Options{Now: at(start.Add(leafLife*2/3 - day))}, nil},
		{"under a third of a leaf's life left", nil, Options{Now: at(start.Add(leafLife*2/3 + day))}, leaves},
		{"leaves expired", nil, Options{Now: at(start.Add(2 * leafLife))}, leaves},
		{"under a third of a CA's life left", nil, Options{Now: at(start.Add(caLife*2/3 + day))}, everything},
		{"clock set back", nil, Options{Now: at(start.Add(-time.Hour))}, everything},
		{"another serving host", nil, Options{Now: at(start), ServingHosts: []string{"new.example"}}, []string{"pki/serving"}},
		{"another serving address", nil, Options{Now: at(start), ServingHosts: []string{"10.1.2.3"}}, []string{"pki/serving"}},
		{"leaf certificate gone", remove("pki/admin.crt"), Options{Now: at(start)}, []string{"pki/admin"}},
		{"leaf key gone", remove("pki/apiserver.key"), Options{Now: at(start)}, []string{"pki/apiserver"}},
		{"minted key gone", remove("certs/svc.ns.key"), Options{Now: at(start)}, []string{"certs/svc.ns"}},
		{"cluster CA gone", remove("pki/cluster-ca.crt", "pki/cluster-ca.key"), Options{Now: at(start)},
			[]string{"certs/svc.ns", "pki/admin", "pki/apiserver", "pki/cluster-ca", "pki/serving"}},
		{"front-proxy CA gone", remove("pki/front-proxy-ca.crt", "pki/front-proxy-ca.key"), Options{Now: at(start)},
			[]string{"pki/front-proxy-ca", "pki/front-proxy-client"}},
		{"leaf write cut short", func(t *testing.T, dir string) {
			t.Helper()
			data, err := os.ReadFile(filepath.Join(dir, "pki/serving.key"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "pki/admin.key"), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}, Options{Now: at(start)}, []string{"pki/admin"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := mustEnsure(t, dir, Options{Now: at(start)})
			if _, _, err := s.IssueServing("ns", "svc", "extra.example"); err != nil {
				t.Fatal(err)
			}
			if tc.change != nil {
				tc.change(t, dir)
			}
			before := contents(t, dir)
			s = mustEnsure(t, dir, tc.options)
			var want, got []string
			for _, n := range tc.want {
				want = append(want, filepath.Join(s.Dir, n+".crt"), filepath.Join(s.Dir, n+".key"))
			}
			got = append(got, s.Changed...)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("changed (-want +got):\n%s", d)
			}
			after := contents(t, dir)
			for name, data := range after {
				if changed := before[name] != data; changed != containsFile(s.Changed, name) {
					t.Errorf("%s: changed on disk %v, named in Changed %v", name, changed, !changed)
				}
			}
			minted := mustCert(t, filepath.Join(dir, "certs/svc.ns.crt"))
			if _, err := minted.Verify(x509.VerifyOptions{Roots: poolOf(t, s.ClusterCA.CertFile), DNSName: "extra.example", CurrentTime: tc.options.Now()}); err != nil {
				t.Errorf("minted certificate: %v", err)
			}
		})
	}
}

func containsFile(files []string, rel string) bool {
	for _, f := range files {
		if strings.HasSuffix(f, string(filepath.Separator)+rel) {
			return true
		}
	}
	return false
}

func TestEnsureConcurrently(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	var wg sync.WaitGroup
	states := make([]*State, 8)
	errs := make([]error, len(states))
	for i := range states {
		wg.Go(func() { states[i], errs[i] = Ensure(dir, Options{Now: at(start)}) })
	}
	wg.Wait()
	made := 0
	for i, s := range states {
		if errs[i] != nil {
			t.Fatalf("Ensure %d: %v", i, errs[i])
		}
		if len(s.Changed) > 0 {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d calls made certificates, want 1", made)
	}
	if s := mustEnsure(t, dir, Options{Now: at(start)}); len(s.Changed) > 0 {
		t.Errorf("the folder was not complete: %q", s.Changed)
	}
}

package pki

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestModes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	s := mustEnsure(t, dir, Options{})
	if _, _, err := s.IssueServing("ns", "svc"); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteKubeconfigs("https://127.0.0.1:6443", nil); err != nil {
		t.Fatal(err)
	}
	private := []string{
		s.ClusterCA.KeyFile, s.Serving.KeyFile, s.FrontProxyCA.KeyFile, s.FrontProxyClient.KeyFile, s.Admin.KeyFile,
		s.APIServer.KeyFile, s.Kubeconfig, s.APIServerKubeconfig, filepath.Join(s.CertsDir, "svc.ns.key"),
	}
	folders := []string{s.Dir, filepath.Join(s.Dir, "pki"), s.CertsDir}
	check := func(when string) {
		t.Helper()
		for _, list := range []struct {
			names []string
			want  fs.FileMode
		}{{private, 0o600}, {folders, 0o700}} {
			for _, f := range list.names {
				info, err := os.Stat(f)
				if err != nil {
					t.Fatal(err)
				}
				if got := info.Mode().Perm(); got != list.want {
					t.Errorf("%s: mode of %s = %04o, want %04o", when, f, got, list.want)
				}
			}
		}
	}
	check("new")
	for _, f := range private {
		if err := os.Chmod(f, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range folders {
		if err := os.Chmod(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if s = mustEnsure(t, dir, Options{}); len(s.Changed) > 0 {
		t.Errorf("tightening changed %q", s.Changed)
	}
	if err := s.WriteKubeconfigs("https://127.0.0.1:6443", nil); err != nil {
		t.Fatal(err)
	}
	check("tightened")
}

func TestEnsureRefuses(t *testing.T) {
	t.Parallel()
	write := func(name, data string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	swap := func(from, to string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			data, err := os.ReadFile(filepath.Join(dir, from))
			if err != nil {
				t.Fatal(err)
			}
			write(to, string(data))(t, dir)
		}
	}
	for _, tc := range []struct {
		name    string
		change  func(t *testing.T, dir string)
		options Options
		want    string
	}{
		{"damaged CA", write("pki/cluster-ca.crt", "junk"), Options{},
			`certificate "DIR/pki/cluster-ca.crt" is damaged: delete it to have it made anew: `},
		{"empty leaf", write("pki/admin.crt", ""), Options{},
			`certificate "DIR/pki/admin.crt" is damaged: delete it to have it made anew: `},
		{"damaged key", write("pki/serving.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), Options{},
			`key "DIR/pki/serving.key" is damaged: delete it to have it made anew: `},
		{"damaged minted certificate", write("certs/svc.ns.crt", "junk"), Options{},
			`certificate "DIR/certs/svc.ns.crt" is damaged: delete it to have it made anew: `},
		{"CA of another key", swap("pki/front-proxy-ca.key", "pki/cluster-ca.key"), Options{},
			`certificate authority "DIR/pki/cluster-ca.crt" does not belong to the key "DIR/pki/cluster-ca.key": delete both`},
		{"host with a port", nil, Options{ServingHosts: []string{"localhost:6443"}},
			`host "localhost:6443" for a serving certificate is neither an IP address nor a DNS name`},
		{"empty host", nil, Options{ServingHosts: []string{""}}, `host "" for a serving certificate is neither`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			mustEnsure(t, dir, Options{})
			if tc.change != nil {
				tc.change(t, dir)
			}
			before := contents(t, dir)
			_, err := Ensure(dir, tc.options)
			if err == nil {
				t.Fatal("no error")
			}
			if want := strings.ReplaceAll(tc.want, "DIR", dir); !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error = %q\nwant prefix %q", err, want)
			}
			if d := cmp.Diff(before, contents(t, dir)); d != "" {
				t.Errorf("files changed:\n%s", d)
			}
		})
	}
}

func TestEnsureRefusesLeafAsCA(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustEnsure(t, dir, Options{})
	for from, to := range map[string]string{s.Admin.CertFile: s.ClusterCA.CertFile, s.Admin.KeyFile: s.ClusterCA.KeyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Ensure(dir, Options{})
	if want := fmt.Sprintf("%q is no certificate authority", s.ClusterCA.CertFile); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error = %v, want prefix %q", err, want)
	}
}

func TestEnsureRefusesForeignOpenFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Ensure(dir, Options{})
	want := fmt.Sprintf("state folder %q is open to others (mode 0755) and holds files that are not kagg's: name a folder for kagg alone, or run chmod 700 on this one", dir)
	if err == nil || err.Error() != want {
		t.Errorf("error = %v\nwant %s", err, want)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mustEnsure(t, dir, Options{})
}

func TestWriteFileLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "taken")
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(target, []byte("x"), keyMode); err == nil {
		t.Error("writing over a folder: no error")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("folder holds %v, %v; want the target alone", entries, err)
	}
	file := filepath.Join(dir, "f")
	for _, data := range []string{"one", "two"} {
		if err := writeFile(file, []byte(data), keyMode); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, []byte(data)) {
			t.Errorf("read %q, %v; want %q", got, err, data)
		}
	}
}

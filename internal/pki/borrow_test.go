package pki

import (
	"bytes"
	"os"
	"testing"
)

// Backends of a folder know who serves from one that borrowed of it, and are known.
func TestBorrow(t *testing.T) {
	t.Parallel()
	own, err := Ensure(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := own.Borrow(dir); err != nil {
		t.Fatal(err)
	}
	other, err := Ensure(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		own, other string
		same       bool
	}{
		"cluster CA":              {own.ClusterCA.CertFile, other.ClusterCA.CertFile, true},
		"key of the cluster CA":   {own.ClusterCA.KeyFile, other.ClusterCA.KeyFile, true},
		"front proxy CA":          {own.FrontProxyCA.CertFile, other.FrontProxyCA.CertFile, true},
		"front proxy":             {own.FrontProxyClient.CertFile, other.FrontProxyClient.CertFile, true},
		"key of the front proxy":  {own.FrontProxyClient.KeyFile, other.FrontProxyClient.KeyFile, true},
		"administrator":           {own.Admin.CertFile, other.Admin.CertFile, false},
		"key of service accounts": {own.ServiceAccountKey, other.ServiceAccountKey, false},
	} {
		a, err := os.ReadFile(c.own)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(c.other)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(a, b) != c.same {
			t.Errorf("%s: the same: %t, want %t", name, !c.same, c.same)
		}
	}
	info, err := os.Stat(other.FrontProxyClient.KeyFile)
	if err != nil || info.Mode().Perm()&others != 0 {
		t.Errorf("the key is open to others: %v, %v", info.Mode(), err)
	}
}

// What is not there yet is made by Ensure.
func TestBorrowFromNothing(t *testing.T) {
	t.Parallel()
	from, dir := Locate(t.TempDir()), t.TempDir()
	if err := from.makeDirs(); err != nil {
		t.Fatal(err)
	}
	if err := from.Borrow(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Ensure(dir, Options{}); err != nil {
		t.Fatal(err)
	}
}

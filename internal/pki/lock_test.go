package pki

import (
	"strings"
	"testing"
)

func TestHold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Ensure(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	release, err := s.Hold()
	if err != nil {
		t.Fatal(err)
	}
	other, err := Ensure(dir, Options{})
	if err != nil {
		t.Fatalf("a held folder can still be read: %v", err)
	}
	if _, err := other.Hold(); err == nil || !strings.Contains(err.Error(), "--state-dir") || !strings.Contains(err.Error(), dir) {
		t.Errorf("want an error that names the folder and the mend, got %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	release, err = other.Hold()
	if err != nil {
		t.Fatalf("a released folder cannot be taken: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

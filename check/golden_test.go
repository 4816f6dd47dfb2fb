package check_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/internal/golden"
	"github.com/kagg-project/kagg/recording"
)

// now is what every case is checked at.
var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// What a case has beside its recording.
const (
	wantFile   = "want.txt"
	mendedPart = "mended/"
	liveFile   = "live.json"
)

// Each case is testdata/check/CODE or CODE-VARIANT: a recording that fails the check of that code and no other, the
// findings in want.txt, and in mended/ the files that mend it; an empty one there takes the file away. What connecting
// to the backends would show is live.json.
func TestCases(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("../testdata/check/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, backendFile)); err == nil {
			continue // TestBackends has it
		}
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			code, _, _ := strings.Cut(filepath.Base(folder), "-")
			files := readFiles(t, folder)
			found := run(t, without(files, mendedPart))
			if len(found) == 0 {
				t.Errorf("%s finds nothing", code)
			}
			for _, f := range found {
				if f.Code != code {
					t.Errorf("also finds %s: %s", f.Code, f.Message)
				}
			}
			golden.Compare(t, filepath.Join(folder, wantFile), lines(found))
			mended := without(files, mendedPart)
			overlaid := false
			for name, content := range files {
				if name, ok := strings.CutPrefix(name, mendedPart); ok {
					overlaid = true
					mended[name] = content
					if len(content) == 0 {
						delete(mended, name)
					}
				}
			}
			if !overlaid {
				t.Fatal("nothing in mended/")
			}
			if found := run(t, mended); len(found) > 0 {
				t.Errorf("mended, it still finds:\n%s", lines(found))
			}
		})
	}
}

func TestEveryCheckHasACase(t *testing.T) {
	t.Parallel()
	for _, c := range check.Checks() {
		if folders, err := filepath.Glob("../testdata/check/" + c.Code + "*"); err != nil || len(folders) == 0 {
			t.Errorf("%s %s has no case below testdata/check", c.Code, c.Name)
		}
	}
}

func run(t *testing.T, files recording.Files) []check.Finding {
	t.Helper()
	facts := check.Facts{Now: now}
	if content, ok := files[liveFile]; ok {
		delete(files, liveFile)
		if err := json.Unmarshal(content, &facts.Live); err != nil {
			t.Fatal(err)
		}
	}
	r, err := recording.Parse(files, aggregator.ManifestOptions(nil, false, nil))
	if inputs, refused := check.Refused(err); refused {
		facts.Inputs = inputs
		return check.Run(facts, check.Checks())
	}
	if err != nil {
		t.Fatal(err)
	}
	if facts.Replay, err = aggregator.NewReplay(r); err != nil {
		t.Fatal(err)
	}
	return check.Run(facts, check.Checks())
}

func readFiles(t *testing.T, folder string) recording.Files {
	t.Helper()
	files := recording.Files{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil || name == wantFile {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func without(files recording.Files, prefix string) recording.Files {
	out := recording.Files{}
	for name, content := range files {
		if !strings.HasPrefix(name, prefix) {
			out[name] = content
		}
	}
	return out
}

// lines writes each finding with its place and mend.
func lines(found []check.Finding) string {
	var b strings.Builder
	for _, f := range found {
		w := f.Where
		place := []string{w.File, w.APIService, w.Backend, w.Path, w.Object}
		if w.Line > 0 {
			place[0] = fmt.Sprintf("%s:%d", w.File, w.Line)
		}
		place = slices.DeleteFunc(place, func(s string) bool { return s == "" })
		fmt.Fprintf(&b, "%s %s %s\n  at %s\n  %s\n  mend: %s\n", f.Severity, f.Code, f.Name, strings.Join(place, " "), f.Message, f.Mend)
	}
	return b.String()
}

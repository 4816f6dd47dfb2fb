package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The commands that look at files take the addresses of services as serve does.
func TestEndpointOfFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "objects.yaml")
	if err := os.WriteFile(file, []byte(insecureAPIService), 0o600); err != nil {
		t.Fatal(err)
	}
	recorded := filepath.Join(t.TempDir(), "recorded")
	none := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"check":          {[]string{"check", "-f", file, "--only=KAGG003,KAGG005"}, exitDone, "no findings"},
		"check connects": {[]string{"check", "-f", file, "--only=KAGG020", "--connect"}, exitFindings, "127.0.0.1:1 cannot be connected to"},
		"explain":        {[]string{"explain", "-f", file, "request", "GET", "/apis/wardle.example.com/v1"}, exitDone, "127.0.0.1:1"},
		"merge":          {[]string{"merge", "discovery", "-f", file, "--local=false", "--record", recorded, "--state-dir", none}, exitDone, "wardle.example.com"},
		"running kagg":   {[]string{"explain", "group/a"}, exitUsage, "--filename"},
		"command":        {[]string{"merge", "openapi-v2", "--", "x"}, exitUsage, "--filename"},
		"a recording":    {[]string{"explain", "-f", namesCase, "group/core"}, exitUsage, "leave --endpoint out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := insertBeforeDash(slices.Clone(c.args), "--endpoint=wardle/api=127.0.0.1:1")
			var out, errs buffer
			if code := run(t.Context(), args, streams{In: strings.NewReader(""), Out: &out, Err: &errs}); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if all := out.String() + errs.String(); !strings.Contains(all, c.says) {
				t.Errorf("want %q in:\n%s", c.says, all)
			}
			if name != "merge" {
				return
			}
			if content, err := os.ReadFile(filepath.Join(recorded, "local", "server.json")); err != nil || !strings.Contains(string(content), "wardle/api") {
				t.Errorf("recorded: %v in %s", err, content)
			}
		})
	}
}

// insertBeforeDash adds a flag of kagg's own.
func insertBeforeDash(args []string, flag string) []string {
	for i, a := range args {
		if a == "--" {
			return slices.Insert(args, i, flag)
		}
	}
	return append(args, flag)
}

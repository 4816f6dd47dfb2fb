package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// local are the files of a recording without local APIs, which spares the test to start them.
func local(t *testing.T, objects string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range map[string]string{"objects.yaml": objects, "local/server.json": `{"kagg": "v1.0.0"}`} {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

const insecureAPIService = `apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.wardle.example.com}
spec: {group: wardle.example.com, version: v1, groupPriorityMinimum: 1000, versionPriority: 15, insecureSkipTLSVerify: true, service: {namespace: wardle, name: api}}
`

const wardleTarget = `---
apiVersion: v1
kind: Service
metadata: {namespace: wardle, name: api, annotations: {kagg.dev/endpoint: "https://127.0.0.1:1"}}
spec: {ports: [{port: 443}]}
`

func TestCheckCommand(t *testing.T) {
	t.Parallel()
	missing, insecure := local(t, insecureAPIService), local(t, insecureAPIService+wardleTarget)
	broken := local(t, strings.Replace(insecureAPIService, "group:", "grup:", 1))
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"errors":               {[]string{"-f", missing}, exitFindings, "error KAGG003"},
		"objects are refused":  {[]string{"-f", broken}, exitFindings, "error KAGG001"},
		"warnings pass":        {[]string{"-f", insecure}, exitDone, "warning KAGG008"},
		"warnings fail":        {[]string{"-f", insecure, "--fail-on=warning"}, exitFindings, "1 warning"},
		"never":                {[]string{"-f", missing, "--fail-on=never"}, exitDone, "error KAGG003"},
		"disabled":             {[]string{"-f", missing, "--disable=KAGG003,insecure-skip-tls-verify"}, exitDone, "no findings"},
		"only":                 {[]string{"-f", missing, "--only=KAGG008"}, exitDone, "1 warning"},
		"github":               {[]string{"-f", insecure, "-o", "github"}, exitDone, "objects.yaml,line=1,title=KAGG008 "},
		"sarif":                {[]string{"-f", insecure, "-o", "sarif"}, exitDone, `"ruleId": "KAGG008"`},
		"yaml":                 {[]string{"-f", insecure, "-o", "yaml"}, exitDone, "code: KAGG008"},
		"how many fail":        {[]string{"-f", insecure, "-o", "json", "--fail-on=warning"}, exitFindings, "findings of severity warning or worse: 1"},
		"list":                 {[]string{"--list"}, exitDone, "KAGG003  error"},
		"describe":             {[]string{"--describe=service-not-found"}, exitDone, "### KAGG003 service-not-found"},
		"list and describe":    {[]string{"--list", "--describe=KAGG003"}, exitUsage, "give one of them"},
		"unknown code":         {[]string{"--disable=KAGG999"}, exitUsage, "kagg check --list"},
		"unknown severity":     {[]string{"--fail-on=bad"}, exitUsage, "error, warning, info or never"},
		"unknown format":       {[]string{"-o", "xml"}, exitUsage, "--output"},
		"no such file":         {[]string{"-f", missing + ".none"}, exitUsage, "no such file or folder"},
		"connected":            {[]string{"-f", insecure, "--connect", "--only=KAGG020"}, exitFindings, "127.0.0.1:1 cannot be connected to"},
		"not connected":        {[]string{"-f", insecure, "--only=KAGG020"}, exitDone, "no findings"},
		"write alone":          {[]string{"-f", insecure, "--write"}, exitUsage, "add --connect"},
		"arguments":            {[]string{"x"}, exitUsage, "-f"},
		"no kagg":              {[]string{"--kubeconfig", missing + ".none"}, exitFailed, ".none"},
		"a server and a file":  {[]string{"-f", missing, "-s", "https://127.0.0.1:1"}, exitUsage, "give one of them"},
		"completion of codes":  {[]string{"__complete", "check", "--disable", "KAGG001,"}, exitDone, "KAGG001,KAGG003"},
		"completion of levels": {[]string{"__complete", "check", "--fail-on", ""}, exitDone, "never"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := c.args
			if args[0] != "__complete" {
				args = append([]string{"check"}, args...)
			}
			var out, errs buffer
			code := run(t.Context(), args, streams{In: strings.NewReader(""), Out: &out, Err: &errs})
			if code != c.code {
				t.Errorf("exit code %d, want %d; %s%s", code, c.code, out.String(), errs.String())
			}
			if all := out.String() + errs.String(); !strings.Contains(all, c.says) {
				t.Errorf("want %q in:\n%s", c.says, all)
			}
		})
	}
	if coloured(io.Discard) {
		t.Error("what is no terminal is coloured")
	}
}

// Who interrupts a check is not told of a failure.
func TestCheckInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs buffer
	code := run(ctx, []string{"check", "-f", local(t, insecureAPIService+wardleTarget), "--connect"}, streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != exitFailed || errs.String() != "error: interrupted\n" {
		t.Errorf("exit code %d, %q", code, errs.String())
	}
}

// A recorded document that cannot be read is an error in what was given.
func TestUnreadableDocument(t *testing.T) {
	t.Parallel()
	folder := local(t, insecureAPIService)
	backend := filepath.Join(folder, "backends", "wardle_api_443")
	if err := os.MkdirAll(backend, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(backend, "apis.json"), []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "-f", folder}, {"explain", "-f", folder, "group/core"}} {
		var out, errs buffer
		code := run(t.Context(), args, streams{In: strings.NewReader(""), Out: &out, Err: &errs})
		if code != exitUsage || !strings.Contains(errs.String(), "backends/wardle_api_443: apis.json") {
			t.Errorf("%s: exit code %d, %s", args, code, errs.String())
		}
	}
}

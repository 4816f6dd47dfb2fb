package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/kagg-project/kagg/internal/demo/weather"
)

// apiserverVariable makes the test binary an apiserver, for commands that start one.
const apiserverVariable = "KAGG_TEST_APISERVER"

// serveWeather is a custom apiserver of few flags: the weather of the demo.
func serveWeather() error {
	flags := pflag.NewFlagSet("weather", pflag.ContinueOnError)
	flags.Usage = func() {}
	port, cert, key := flags.String("secure-port", "", ""), flags.String("tls-cert-file", "", ""), flags.String("tls-private-key-file", "", "")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	fmt.Println("the weather begins")
	ca, err := os.ReadFile(os.Getenv("KAGG_REQUESTHEADER_CLIENT_CA_FILE"))
	if err != nil {
		return err
	}
	handler, err := weather.NewHandler(ca)
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr: "127.0.0.1:" + *port, Handler: handler, ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12},
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return server.ListenAndServeTLS(*cert, *key)
}

// weatherCommand is the command line of serveWeather.
func weatherCommand(t *testing.T, args ...string) []string {
	t.Helper()
	env, err := exec.LookPath("env")
	if err != nil {
		t.Skip("there is no env to start a program with")
	}
	return append([]string{"--", env, apiserverVariable + "=weather", os.Args[0]}, args...)
}

func TestMergeStartsACommand(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "recorded")
	out, errs := merge(t, append([]string{"openapi-v3", "apis/weather.demo.kagg.dev/v1", "--record", folder}, weatherCommand(t)...)...)
	if !bytes.Contains(out, []byte(`"openapi":"3.0.0"`)) || !bytes.Contains(out, []byte("/apis/weather.demo.kagg.dev/v1/")) {
		t.Errorf("printed %.300s", out)
	}
	if !strings.Contains(errs, "does not know --kubeconfig") || strings.Contains(errs, "the weather begins") {
		t.Errorf("said: %s", errs)
	}
	again, _ := merge(t, "openapi-v3", "apis/weather.demo.kagg.dev/v1", "-f", folder)
	if !bytes.Equal(out, again) {
		t.Error("the recording of the command gives another document")
	}

	_, errs = merge(t, append([]string{"discovery", "--show-output"}, weatherCommand(t)...)...)
	if !strings.Contains(errs, "the weather begins") {
		t.Errorf("--show-output does not show what the command prints: %s", errs)
	}
}

func TestMergeTellsWhyACommandFailed(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	args := append([]string{"merge", "openapi-v3"}, weatherCommand(t, "--tls-cert-file=none.crt")...)
	code := run(t.Context(), args, streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != exitFailed || !strings.Contains(errs.String(), "none.crt: no such file") || !strings.Contains(errs.String(), "exit code 1") || out.Len() > 0 {
		t.Errorf("exit code %d, printed %q, said: %s", code, out.String(), errs.String())
	}
}

// writeBroken writes a recording whose OpenAPI v2 a kube-aggregator cannot merge:
// two backends share a definition, and one gives it a group-version-kind that is none.
func writeBroken(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	var objects strings.Builder
	for group, kinds := range map[string]string{
		"a.example.com": `[{"group":"a.example.com","version":"v1","kind":"Foo"}]`,
		"b.example.com": `"Foo"`,
	} {
		name, _, _ := strings.Cut(group, ".")
		fmt.Fprintf(&objects, `---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.%[1]s}
spec: {group: %[1]s, version: v1, groupPriorityMinimum: 1000, versionPriority: 15, service: {namespace: test, name: %[2]s}}
`, group, name)
		document := fmt.Sprintf(`{"swagger":"2.0","info":{"title":"%[1]s","version":"1"},
"paths":{"/apis/%[1]s/v1/foos":{"get":{"responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/Foo"}}}}}},
"definitions":{"Foo":{"type":"object","x-kubernetes-group-version-kind":%[2]s}}}`, group, kinds)
		backend := filepath.Join(folder, "backends", "test_"+name+"_443")
		if err := os.MkdirAll(backend, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(backend, "openapi-v2.json"), []byte(document), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "objects.yaml"), []byte(objects.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestMergeThatFailsSaysWhatWasDecided(t *testing.T) {
	t.Parallel()
	folder := writeBroken(t)
	for _, decisions := range []bool{false, true} {
		var out, errs bytes.Buffer
		args := []string{"merge", "openapi-v2", "-f", folder, "--local=false"}
		if decisions {
			args = append(args, "--decisions")
		}
		code := run(t.Context(), args, streams{In: strings.NewReader(""), Out: &out, Err: &errs})
		if code != exitFailed || !strings.Contains(errs.String(), "v1.b.example.com") || !strings.Contains(errs.String(), "must be a list") {
			t.Errorf("exit code %d, said: %s", code, errs.String())
		}
		if told := strings.Contains(out.String(), "definition-gvks-broken"); told != decisions {
			t.Errorf("with --decisions=%t printed: %s", decisions, out.String())
		}
	}
}

func TestExplainStartsACommand(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	args := append([]string{"explain", "version/weather.demo.kagg.dev/v1"}, weatherCommand(t)...)
	code := run(t.Context(), args, streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != exitDone || !strings.Contains(out.String(), "legacy-form") {
		t.Errorf("exit code %d, printed %s, said: %s", code, out.String(), errs.String())
	}
}

func TestCheckStartsACommand(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	code := run(t.Context(), append([]string{"check", "--fail-on=never"}, weatherCommand(t)...), streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	if code != exitDone || !strings.Contains(errs.String(), "does not know --kubeconfig") {
		t.Errorf("exit code %d, said: %s", code, errs.String())
	}
	if !strings.Contains(out.String(), "KAGG065 conversion-loss") {
		t.Errorf("it has no OpenAPI v3, which is not found in: %s", out.String())
	}
	// The APIServices are kagg's own: there is no fault to find with them.
	if strings.Contains(out.String(), "KAGG007") {
		t.Errorf("found what the user did not write: %s", out.String())
	}
}

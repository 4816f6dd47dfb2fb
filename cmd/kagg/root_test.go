package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

// TestMain keeps the libraries' log out of the tests' output. Asked to, it is an
// apiserver that a command under test starts.
func TestMain(m *testing.M) {
	if os.Getenv(apiserverVariable) != "" {
		fmt.Fprintln(os.Stderr, "error:", serveWeather())
		os.Exit(1)
	}
	if os.Getenv(mainVariable) != "" {
		main()
	}
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {porst: []}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "state")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":                {[]string{"--help"}, exitDone, "Usage:"},
		"no command":          {nil, exitDone, "Usage:"},
		"help of all codes":   {[]string{"--help"}, exitDone, "3 findings"},
		"version":             {[]string{"version"}, exitDone, "Kubernetes v1."},
		"completion":          {[]string{"completion", "bash"}, exitDone, "kagg"},
		"unknown command":     {[]string{"sevre", "-f", "x"}, exitUsage, "serve"},
		"unknown flag":        {[]string{"serve", "--filname=x"}, exitUsage, "kagg serve --help"},
		"arguments":           {[]string{"serve", "x"}, exitUsage, "kagg serve --help"},
		"profile":             {[]string{"serve", "--profile=fast"}, exitUsage, `"dev" or "upstream"`},
		"endpoint":            {[]string{"serve", "--endpoint=x"}, exitUsage, "--endpoint"},
		"half a pair":         {[]string{"serve", "--tls-cert-file=x"}, exitUsage, "--tls-private-key-file"},
		"persist and etcd":    {[]string{"serve", "--persist", "--etcd-servers=http://127.0.0.1:1"}, exitUsage, "--persist and --etcd-servers exclude each other"},
		"etcd flags alone":    {[]string{"serve", "--etcd-prefix=/x"}, exitUsage, "--etcd-prefix: without --etcd-servers"},
		"etcd without scheme": {[]string{"serve", "--etcd-servers=127.0.0.1:2379"}, exitUsage, "http://127.0.0.1:2379"},
		"etcd certificates":   {[]string{"serve", "--etcd-servers=http://127.0.0.1:1", "--etcd-cafile=x"}, exitUsage, "without TLS"},
		"no etcd CA":          {[]string{"serve", "--etcd-servers=https://127.0.0.1:1", "--etcd-cafile", bad + ".none"}, exitUsage, "--etcd-cafile"},
		"watch history":       {[]string{"serve", "--watch-history=0"}, exitUsage, "--watch-history 0"},
		"port":                {[]string{"serve", "--secure-port=70000"}, exitUsage, "70000"},
		"logging format":      {[]string{"serve", "--logging-format=xml", "--state-dir", state}, exitUsage, "xml"},
		"missing file":        {[]string{"serve", "-f", bad + ".none", "--state-dir", state}, exitUsage, "bad.yaml.none"},
		"error in a file":     {[]string{"serve", "-f", bad, "--state-dir", state}, exitUsage, "bad.yaml:4"},
		"no token file":       {[]string{"serve", "--token-auth-file", bad + ".csv", "--state-dir", state}, exitUsage, "token-auth-file"},
		"cert":                {[]string{"cert", "-n", "ns", "api", "--state-dir", state}, exitDone, "api.ns.crt"},
		"cert without one":    {[]string{"cert"}, exitUsage, "kagg cert --help"},
		"cert bad name":       {[]string{"cert", "a/b", "--state-dir", state}, exitFailed, "a/b"},
		"no audit policy":     {[]string{"serve", "--audit-policy-file", bad + ".none", "--audit-log-path", bad + ".log", "--state-dir", state}, exitUsage, "--audit-policy-file " + bad + ".none"},
		"audit mode":          {[]string{"serve", "--audit-log-path", bad + ".log", "--audit-log-mode=later"}, exitUsage, "blocking-strict"},
		"no tracing file":     {[]string{"serve", "--tracing-config-file", bad + ".none", "--state-dir", state}, exitUsage, "--tracing-config-file " + bad + ".none"},
		"request timeout":     {[]string{"serve", "--request-timeout=0s"}, exitUsage, "--request-timeout"},
		"watch timeout":       {[]string{"serve", "--min-request-timeout=-1"}, exitUsage, "--min-request-timeout -1"},
		"no fairness":         {[]string{"serve", "--enable-priority-and-fairness", "--max-requests-inflight=0", "--max-mutating-requests-inflight=0"}, exitUsage, "set one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs buffer
			code := run(t.Context(), c.args, streams{In: strings.NewReader(""), Out: &out, Err: &errs})
			if code != c.code {
				t.Errorf("exit code %d, want %d; %s%s", code, c.code, out.String(), errs.String())
			}
			if all := out.String() + errs.String(); !strings.Contains(all, c.says) {
				t.Errorf("want %q in:\n%s", c.says, all)
			}
		})
	}
}

// Every command says its exit codes and gives an example.
func TestHelpIsComplete(t *testing.T) {
	t.Parallel()
	var look func(*cobra.Command)
	look = func(parent *cobra.Command) {
		for _, c := range parent.Commands() {
			if !strings.Contains(c.Long, "Exit codes:") || c.Example == "" || c.Short == "" {
				t.Errorf("the help of %s lacks exit codes, an example or a summary", c.CommandPath())
			}
			look(c)
		}
	}
	look(newRootCommand(streams{}))
}

// buffer is a bytes.Buffer that tells when something was written.
type buffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	written chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.written != nil {
		select {
		case b.written <- struct{}{}:
		default:
		}
	}
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestServeSaysWhereItListensAndStops(t *testing.T) {
	t.Parallel()
	for format, says := range map[string][]string{
		formatText: {"serves at https://127.0.0.1:", "export KUBECONFIG=", "--authentication-kubeconfig=", "kagg cert"},
		formatJSON: {`"msg":"serves at https://127.0.0.1:`, `"subject":"kagg"`},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			errs := &buffer{written: make(chan struct{}, 1)}
			ended := make(chan int, 1)
			go func() {
				ended <- run(ctx, []string{"serve", "--secure-port=0", "--state-dir", t.TempDir(), "--logging-format", format}, streams{In: strings.NewReader(""), Out: io.Discard, Err: errs})
			}()
			for !strings.Contains(errs.String(), says[len(says)-1]) {
				select {
				case <-errs.written:
				case code := <-ended:
					t.Fatalf("ended with %d: %s", code, errs.String())
				}
			}
			cancel()
			if code := <-ended; code != exitDone {
				t.Errorf("exit code %d", code)
			}
			for _, want := range append(says, "stopped") {
				if !strings.Contains(errs.String(), want) {
					t.Errorf("want %q in:\n%s", want, errs.String())
				}
			}
		})
	}
}

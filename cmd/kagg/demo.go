package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/demo"
	"github.com/kagg-project/kagg/internal/pki"
)

func newDemoCommand(s streams) *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Serve two example apiservers, to see everything without writing anything",
		Long: `Demo is kagg serve with two example apiservers inside: an orchard, built on
k8s.io/apiserver, with two versions, watchable and writable; and a weather service,
written by hand, with legacy discovery and OpenAPI v2 only. What registers them is
written to a file in --state-dir that can be edited while the demo runs. Their own objects
begin anew with each demo, also with --persist.
` + exitCodes,
		Example: `  kagg demo

  # In another terminal
  export KUBECONFIG=.kagg/kubeconfig
  kubectl get apples`,
		Args:              noArguments("its files are its own; kagg serve -f takes others"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := f.complete(cmd.Flags())
			if err != nil {
				return err
			}
			file, err := prepareDemo(config.StateDir)
			if err != nil {
				return err
			}
			config.Filenames = []string{file}
			return serve(cmd.Context(), config, f.logging, s, func(a *aggregator.Aggregator, out *console) error {
				return runDemo(cmd.Context(), a, file, out)
			})
		},
	}
	f.addFlags(cmd.Flags())
	markFiles(cmd)
	return cmd
}

const demoHeader = `# What kagg demo serves. Edit it while the demo runs: a change is live at once.
# Each start of the demo writes it anew: its apiservers listen on other ports then.
`

// prepareDemo makes the demo's file, with what the example apiservers need to start
// alone: their addresses are known only once they listen.
func prepareDemo(stateDir string) (string, error) {
	state, err := pki.Ensure(stateDir, pki.Options{})
	if err != nil {
		return "", err
	}
	// A demo that runs has its objects in this file.
	release, err := state.Hold()
	if err != nil {
		return "", err
	}
	defer func() { _ = release() }()
	file := filepath.Join(state.Dir, "demo.yaml")
	if err := os.WriteFile(file, []byte(demoHeader+demo.Delegation), 0o600); err != nil {
		return "", fmt.Errorf("demo objects: %w", err)
	}
	return file, nil
}

// runDemo starts the example apiservers and writes the objects that name them.
func runDemo(ctx context.Context, a *aggregator.Aggregator, file string, out *console) error {
	ca, err := os.ReadFile(a.State().FrontProxyCA.CertFile)
	if err != nil {
		return err
	}
	servers, err := demo.Start(ctx, demo.Options{
		Kubeconfig:      a.State().APIServerKubeconfig,
		RequestHeaderCA: ca,
		Certificate: func(namespace, service string) (string, string, error) {
			return a.State().IssueServing(namespace, service)
		},
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append([]byte(demoHeader), servers.Manifests()...), 0o600); err != nil {
		return fmt.Errorf("demo objects: %w", err)
	}
	awaitDemo(ctx, a, servers)
	out.say(demoHints(a, file))
	return servers.Wait()
}

// demoPatience is how long the hints wait for what they are about.
const demoPatience = 10 * time.Second

// awaitDemo waits until the example apiservers are available: a hint that comes
// earlier would name what is not there yet. What is wrong with one that does not
// come has been told by then.
func awaitDemo(ctx context.Context, a *aggregator.Aggregator, servers *demo.Demo) {
	ctx, cancel := context.WithTimeout(ctx, demoPatience)
	defer cancel()
	_, _ = a.WaitFor(ctx, func(s *aggregator.Snapshot) bool {
		for _, server := range servers.Servers() {
			for _, name := range server.APIServices {
				if s.Conditions[name].Status != apiregistrationv1.ConditionTrue {
					return false
				}
			}
		}
		return true
	})
}

func demoHints(a *aggregator.Aggregator, file string) string {
	return fmt.Sprintf(`  try, in another terminal:
    export KUBECONFIG=%s
    kubectl get apiservices
    kubectl api-resources
    kubectl get apples -A -w
    kubectl patch apple gala --type=merge -p '{"spec":{"ripe":true}}'
    kubectl get apples.v1beta1.orchard.demo.kagg.dev -o yaml
    kubectl explain apple.spec
    kubectl get forecasts
  the objects that make it so, to edit while it runs:
    %s

`, a.State().Kubeconfig, file)
}

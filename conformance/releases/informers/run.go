package informers

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// pollInterval is how often stores are looked at while a wanted state is awaited: they
// tell of single objects, and a look at all of them for each would take longer.
const pollInterval = 50 * time.Millisecond

// Run runs the informers that the arguments ask for until the requests end: one
// JSON document a Request is read from in, and one an Answer written to out.
//
//	-kubeconfig FILE    the server, and who asks it
//	-encodings LIST     json,protobuf,cbor or some of them
func Run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("informers", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "the kubeconfig file")
	encodings := flags.String("encodings", JSON, "the encodings to ask for, with commas")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all, counted, err := start(ctx, *kubeconfig, strings.Split(*encodings, ","))
	if err != nil {
		return err
	}
	answers := json.NewEncoder(out)
	for requests := read(in); ; {
		var next incoming
		select {
		case next = <-requests:
		case <-ctx.Done():
			return nil
		}
		if errors.Is(next.err, io.EOF) {
			return nil
		} else if next.err != nil {
			return fmt.Errorf("reading a request: %w", next.err)
		}
		answer := Answer{Informers: len(all), ClientGo: clientGo()}
		if answer.Differences, err = await(ctx, all, next.request); err != nil {
			return err
		}
		counted.fill(&answer)
		if err := answers.Encode(answer); err != nil {
			return fmt.Errorf("writing an answer: %w", err)
		}
	}
}

// incoming is a request, or why there is no further one.
type incoming struct {
	request Request
	err     error
}

// read hands on the requests, the last of them with an error. To wait for a request
// has no end but that of the program.
func read(in io.Reader) <-chan incoming {
	out := make(chan incoming)
	go func() {
		for requests := json.NewDecoder(in); ; {
			var next incoming
			next.err = requests.Decode(&next.request)
			out <- next
			if next.err != nil {
				return
			}
		}
	}()
	return out
}

// start starts informers of all encodings on all that is served.
func start(ctx context.Context, kubeconfig string, encodings []string) ([]informer, *traffic, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{} // Old versions are asked for on purpose.
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, nil, err
	}
	resources, err := Resources(client)
	if err != nil {
		return nil, nil, err
	}
	counted := newTraffic()
	var all []informer
	for _, encoding := range encodings {
		if all, err = add(all, config, encoding, resources, counted); err != nil {
			return nil, nil, err
		}
	}
	for i := range all {
		go all[i].shared.Run(ctx.Done())
	}
	return all, counted, nil
}

// await waits until every informer holds what is wanted, and returns what does not
// when the time is over.
func await(ctx context.Context, all []informer, request Request) ([]string, error) {
	deadline := time.Now().Add(time.Duration(request.TimeoutSeconds * float64(time.Second)))
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		late := !time.Now().Before(deadline)
		differences, err := compare(all, request.Want, late)
		if err != nil || len(differences) == 0 || late {
			return differences, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return differences, ctx.Err()
		}
	}
}

// compare names the differences: all, or only those of the first informer that has
// some.
func compare(all []informer, want State, everything bool) ([]string, error) {
	var out []string
	for i := range all {
		if len(out) > 0 && !everything {
			return out, nil
		}
		if !all[i].shared.HasSynced() {
			out = append(out, all[i].name+": not synced")
			continue
		}
		got, err := all[i].state()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", all[i].name, err)
		}
		out = append(out, Diff(all[i].name, want[all[i].resource], got)...)
	}
	return out, nil
}

// clientGo is the version of client-go in this program.
func clientGo() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	for _, dep := range info.Deps {
		if dep.Path == "k8s.io/client-go" {
			return dep.Version
		}
	}
	return ""
}

// Command bench measures kagg beside the real kube-aggregator and Go's bare httputil.ReverseProxy, on the same
// backends in one run, and prints one table.
//
// In come the sources of kagg two folders up (or a binary in -kagg); out go the table and, with -document, the
// measured part of a document with a plot. Every server runs in a process of its own, so that what the operating
// system accounts to it is its own; backends share one further process, and the load comes from this one. What
// fluctuates is measured in turn, server by server, several times; the median counts. It needs Linux's /proc.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are what the flags say.
type settings struct {
	rows     string
	short    bool
	kagg     string
	document string
	keep     string
	source   string
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	if len(args) > 0 && args[0] == "server" {
		return serveRole(ctx, args[1:], out)
	}
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&s.rows, "rows", "", "run these alone, separated by commas: "+strings.Join(rowNames(), ", "))
	flags.BoolVar(&s.short, "short", false, "measure for a shorter time and at smaller sizes: to try the bench, not to publish")
	flags.StringVar(&s.kagg, "kagg", "", "the binary of kagg; default: built from -source")
	flags.StringVar(&s.source, "source", "..", "the folder of kagg's sources")
	flags.StringVar(&s.document, "document", "", "write what was measured into this Markdown document, and the plot beside it")
	flags.StringVar(&s.keep, "keep", "", "keep the servers' output and the objects in this folder")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := chosenRows(s.rows)
	if err != nil {
		return err
	}
	if s.document != "" && (s.short || s.rows != "") {
		return fmt.Errorf("-document %s: only a full run is written down; leave out -short and -rows", s.document)
	}
	r, err := newRig(ctx, s, progress)
	if err != nil {
		return err
	}
	defer r.close()
	return r.runAll(ctx, wanted, out)
}

// row is one measurement; it adds its lines to the result.
type row struct {
	name string
	run  func(*rig, context.Context, *result) error
}

// rows are all measurements, in the order of the table.
var rows = []row{
	{"proxy", (*rig).measureProxy},
	{"latency", (*rig).measureLatency},
	{"watch", (*rig).measureWatches},
	{"startup", (*rig).measureStart},
	{"memory", (*rig).measureRest},
	{"one", (*rig).measureOneService},
	{"growth", (*rig).measureGrowth},
	{"change", (*rig).measureChange},
	{"warm", (*rig).measureWarm},
	{"outage", (*rig).measureOutage},
}

func rowNames() []string {
	names := make([]string, 0, len(rows))
	for _, r := range rows {
		names = append(names, r.name)
	}
	return names
}

func chosenRows(list string) ([]row, error) {
	if list == "" {
		return rows, nil
	}
	var out []row
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-rows: there is no row %q: use %s", name, strings.Join(rowNames(), ", "))
		}
		out = append(out, rows[i])
	}
	return out, nil
}

// runAll runs the rows and prints the table. A row that fails is named in the error and leaves the others alone.
func (r *rig) runAll(ctx context.Context, wanted []row, out io.Writer) error {
	res := &result{started: time.Now()}
	var failed []string
	for _, row := range wanted {
		start := time.Now()
		r.say("== %s", row.name)
		err := row.run(r, ctx, res)
		r.stopAll()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.say("%s failed: %v", row.name, err)
			failed = append(failed, row.name)
		}
		r.say("   took %s", time.Since(start).Round(time.Second))
	}
	res.took = time.Since(res.started)
	if _, err := fmt.Fprint(out, "\n", res.text()); err != nil {
		return err
	}
	if len(failed) > 0 {
		return fmt.Errorf("could not be measured: %s", strings.Join(failed, ", "))
	}
	if r.settings.document != "" {
		return res.write(r.settings.document, r.machine(ctx))
	}
	return nil
}

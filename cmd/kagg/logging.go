package main

import (
	"flag"
	"io"
	"log/slog"
	"strconv"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
)

// logging is how much the libraries say, and how.
type logging struct {
	format    string
	verbosity int
}

func (l *logging) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&l.format, "logging-format", formatText, "format of what goes to standard error: text or json")
	flags.IntVarP(&l.verbosity, "v", "v", 0, "how much the libraries log; 3 logs every request")
}

// setLog sends the libraries' log to out. Without verbosity only warnings and
// errors are worth a line: kagg says the rest itself.
func setLog(l logging, out io.Writer) error {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	if err := flags.Set("v", strconv.Itoa(l.verbosity)); err != nil {
		return usageError{err}
	}
	options := &slog.HandlerOptions{Level: slog.LevelWarn}
	if l.verbosity > 0 {
		options.Level = slog.Level(-l.verbosity)
	}
	var handler slog.Handler = slog.NewTextHandler(out, options)
	if l.format == formatJSON {
		handler = slog.NewJSONHandler(out, options)
	}
	klog.SetSlogLogger(slog.New(handler))
	return nil
}

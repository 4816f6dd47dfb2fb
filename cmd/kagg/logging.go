package main

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"strconv"

	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel"
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
// errors are worth a line, and none while kagg stops: kagg says the rest itself,
// and what ends then ends as it should.
func setLog(l logging, out io.Writer, stopping func() bool) error {
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
	if l.verbosity == 0 {
		handler = untilStopping{handler, stopping}
	}
	klog.SetSlogLogger(slog.New(handler))
	// Otherwise the tracing library writes lines of its own to standard error.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { klog.ErrorS(err, "spans could not be sent") }))
	return nil
}

// untilStopping drops what is logged once stopping is true.
type untilStopping struct {
	slog.Handler
	stopping func() bool
}

// Enabled tells whether a line of the level is wanted now.
func (h untilStopping) Enabled(ctx context.Context, level slog.Level) bool {
	return !h.stopping() && h.Handler.Enabled(ctx, level)
}

// WithAttrs returns the handler with attributes.
func (h untilStopping) WithAttrs(attrs []slog.Attr) slog.Handler {
	return untilStopping{h.Handler.WithAttrs(attrs), h.stopping}
}

// WithGroup returns the handler with a group.
func (h untilStopping) WithGroup(name string) slog.Handler {
	return untilStopping{h.Handler.WithGroup(name), h.stopping}
}

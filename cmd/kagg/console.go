package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/visible"
)

// Formats of the log.
const (
	formatText = "text"
	formatJSON = "json"
)

// console writes what a person, or a log collector, is told while kagg runs.
// It is safe for concurrent use.
type console struct {
	mu   sync.Mutex
	out  io.Writer
	json *slog.Logger
}

func newConsole(out io.Writer, format string) (*console, error) {
	switch format {
	case formatText:
		return &console{out: out}, nil
	case formatJSON:
		return &console{out: out, json: slog.New(slog.NewJSONHandler(out, nil))}, nil
	default:
		return nil, usageError{fmt.Errorf("unknown --logging-format %q: use %s or %s", format, formatText, formatJSON)}
	}
}

// event writes one change of state: a line, or a JSON object.
func (c *console) event(e aggregator.Event) {
	if c.json != nil {
		level := slog.LevelInfo
		if e.Warning {
			level = slog.LevelWarn
		}
		c.json.Log(nil, level, e.Message, "subject", e.Subject) //nolint:staticcheck // an event belongs to no request
		return
	}
	mark := " "
	if e.Warning {
		mark = "!"
	}
	message := strings.ReplaceAll(strings.TrimSpace(visible.Text(e.Message)), "\n", "\n             ")
	c.print(fmt.Sprintf("%s %s %s: %s\n", time.Now().Format(time.TimeOnly), mark, e.Subject, message))
}

// say writes text for a person; a JSON log leaves it out.
func (c *console) say(text string) {
	if c.json == nil {
		c.print(text)
	}
}

func (c *console) print(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// There is nobody to tell that standard error cannot be written.
	_, _ = io.WriteString(c.out, text)
}

package aggregator

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// auditEvent is what the tests read of an audit.k8s.io/v1 Event.
type auditEvent struct {
	Level, Stage, AuditID, RequestURI, Verb string
	User                                    struct{ Username string }
	ImpersonatedUser                        *struct{ Username string }
	ObjectRef                               *struct{ Resource, Namespace, Name, APIGroup string }
	ResponseStatus                          *struct{ Code int }
	RequestObject, ResponseObject           json.RawMessage
	Annotations                             map[string]string
}

// readEvents reads a log; its last line may not be whole yet.
func readEvents(tb testing.TB, file string) []auditEvent {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	var events []auditEvent
	for line := range bytes.Lines(data) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var e auditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			tb.Fatalf("%v in %s", err, line)
		}
		events = append(events, e)
	}
	return events
}

// ReadEvents and AuditEvent are for the tests of the running aggregator.
var ReadEvents = readEvents

// AuditEvent is one line of an audit log.
type AuditEvent = auditEvent

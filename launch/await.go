package launch

import (
	"context"
	"fmt"
	"strings"
	"time"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/aggregator"
)

// Await waits until all that the child serves is available and its documents are merged, and returns the snapshot that
// shows so. The error says what was missing when the time was over, or how the child ended; the server still runs.
func (s *Server) Await(ctx context.Context) (*aggregator.Snapshot, error) {
	ctx, cancel := context.WithDeadline(ctx, s.deadline)
	defer cancel()
	ctx, cancelAlive := s.alive(ctx)
	defer cancelAlive()
	told := teller{tell: s.options.Progress, begin: time.Now()}
	for {
		// In slices, so that what is waited for can be told when nothing happens.
		slice, cancelSlice := context.WithTimeout(ctx, patience)
		snapshot, err := s.running.WaitFor(slice, func(now *aggregator.Snapshot) bool { return len(s.lacking(now)) == 0 })
		cancelSlice()
		if err == nil {
			s.available = true
			return snapshot, nil
		}
		lacking := s.lacking(s.running.Snapshot())
		if ctx.Err() != nil {
			return nil, s.cut(ctx, "is not available within %s:\n%s", s.options.Timeout, indent(strings.Join(lacking, "\n")))
		}
		if len(lacking) > 0 {
			told.say("waiting for " + lacking[0])
		}
	}
}

// lacking says what is not as it should be.
func (s *Server) lacking(now *aggregator.Snapshot) []string {
	views := map[string]aggregator.APIServiceView{}
	for _, v := range now.APIServices() {
		views[v.Object.Name] = v
	}
	var out []string
	for _, name := range s.names {
		v, known := views[name]
		switch {
		case !known:
			out = append(out, name+": not registered yet")
		case v.Condition.Status != apiregistrationv1.ConditionTrue:
			out = append(out, describe(name, &v))
		}
	}
	if len(out) == 0 && !now.Settled() {
		out = append(out, "the discovery and OpenAPI documents of "+s.options.Command[0])
	}
	return out
}

func describe(name string, v *aggregator.APIServiceView) string {
	text := name + ": not probed yet"
	if v.Condition.Reason != "" {
		text = fmt.Sprintf("%s: %s: %s", name, v.Condition.Reason, v.Condition.Message)
	}
	if v.Mend != "" {
		text += ": " + v.Mend
	}
	return text
}

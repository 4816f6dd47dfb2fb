package aggregator

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/options"
)

// auditing records requests as a policy says. A nil auditing records nothing.
type auditing struct {
	backend audit.Backend
	policy  audit.PolicyRuleEvaluator
	// ended makes the backend write what it holds.
	ended chan struct{}
}

// newAuditing reads the policy and opens the log; nil when nothing is to be
// recorded, with a note where that may surprise. Errors name the flag, the file,
// and what in it is wrong.
func newAuditing(o *options.AuditOptions) (a *auditing, note string, err error) {
	if o == nil {
		return nil, "", nil
	}
	to := o.LogOptions.Path != "" || o.WebhookOptions.ConfigFile != ""
	if o.PolicyFile == "" {
		if to {
			note = "nothing is recorded without a policy: name one with --audit-policy-file"
		}
		return nil, note, nil
	}
	var c server.Config
	if err := o.ApplyTo(&c); err != nil {
		return nil, "", fmt.Errorf("%s: %w", auditFlags(o), err)
	}
	if c.AuditBackend == nil {
		return nil, "the policy has nowhere to record to: name a file with --audit-log-path", nil
	}
	return &auditing{backend: c.AuditBackend, policy: c.AuditPolicyRuleEvaluator, ended: make(chan struct{})}, "", nil
}

// auditFlags names the files that are given: the library does not say which of
// them an error is about.
func auditFlags(o *options.AuditOptions) string {
	given := "--audit-policy-file " + o.PolicyFile
	if o.LogOptions.Path != "" {
		given += ", --audit-log-path " + o.LogOptions.Path
	}
	if o.WebhookOptions.ConfigFile != "" {
		given += ", --audit-webhook-config-file " + o.WebhookOptions.ConfigFile
	}
	return given
}

// sink is what the filters write to; nil for none.
func (a *auditing) sink() audit.Sink {
	if a == nil {
		return nil
	}
	return a.backend
}

// evaluator decides which requests are recorded; nil for none.
func (a *auditing) evaluator() audit.PolicyRuleEvaluator {
	if a == nil {
		return nil
	}
	return a.policy
}

// run starts the backend; close ends it.
func (a *auditing) run() error {
	if a == nil {
		return nil
	}
	if err := a.backend.Run(a.ended); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// auditPatience is how long a stop waits for a backend that does not take events.
const auditPatience = 5 * time.Second

// close writes what the backend holds, once no request runs any more. It is an
// error when a webhook does not take the events in time: they are lost.
func (a *auditing) close() error {
	if a == nil {
		return nil
	}
	close(a.ended)
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		a.backend.Shutdown()
	}()
	select {
	case <-flushed:
		return nil
	case <-time.After(auditPatience):
		return errors.New("events are lost that the audit webhook did not take within " + auditPatience.String())
	}
}

package aggregator

// prepareRecording reads what requests are recorded by: the audit policy and the
// tracing configuration.
func (a *Aggregator) prepareRecording() error {
	o := &a.config.Observability
	if err := o.Validate(); err != nil {
		return &InputError{err}
	}
	var err error
	var note string
	if a.audit, note, err = newAuditing(o.Audit); err != nil {
		return &InputError{err}
	}
	if note != "" {
		a.config.OnEvent(Event{Subject: "audit", Message: note, Warning: true})
	}
	// At once: only a backend that runs can be ended.
	if err := a.audit.run(); err != nil {
		return err
	}
	if a.tracer, err = newTracer(o.TracingConfigFile); err != nil {
		return &InputError{err}
	}
	return nil
}

// endRecording writes what is still held back, once no request runs any more.
func (a *Aggregator) endRecording() { a.recorded.Do(a.flushRecords) }

func (a *Aggregator) flushRecords() {
	for _, end := range []struct {
		subject string
		err     error
	}{{"audit", a.audit.close()}, {"tracing", shutdownTracer(a.tracer)}} {
		if end.err != nil {
			a.config.OnEvent(Event{Subject: end.subject, Message: end.err.Error(), Warning: true})
		}
	}
}

// prepareFairness makes priority and fairness where it is asked for.
func (a *Aggregator) prepareFairness() error {
	o := &a.config.Observability
	if !o.EnablePriorityAndFairness {
		return nil
	}
	var err error
	a.fairness, err = newFairness(o, a.local.ClientConfig(), a.local.Stats)
	return err
}

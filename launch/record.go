package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/recording"
)

// Record starts what o says, waits until it is available, records it, and stops it. Errors are those of
// With. Without a command it is a kagg
// alone that asks the backends of its objects, be they available or not.
func Record(ctx context.Context, o Options, r aggregator.RecordOptions) (*recording.Recording, error) {
	if len(o.Command) == 0 {
		return observe(ctx, o, r)
	}
	var recorded *recording.Recording
	err := With(ctx, o, func(s *Server) error {
		var err error
		recorded, err = s.running.Record(ctx, r)
		return err
	})
	return recorded, err
}

// With starts a server, waits until it is available, hands it to use, and stops it. Errors are those of Start, of
// Await, and of use.
func With(ctx context.Context, o Options, use func(*Server) error) error {
	s, err := Start(ctx, o)
	if err != nil {
		return err
	}
	_, err = s.Await(ctx)
	if err != nil && o.Unavailable && ctx.Err() == nil && !s.ended() {
		s.options.Progress(err.Error())
		err = nil
	}
	if err == nil {
		err = use(s)
	}
	if ctx.Err() != nil {
		return errors.Join(err, s.end(hurriedGrace))
	}
	return errors.Join(err, s.Stop())
}

// observe records the backends of objects.
func observe(ctx context.Context, o Options, r aggregator.RecordOptions) (recorded *recording.Recording, err error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	running, folder, err := front(ctx, o.Config, o.Progress)
	if folder != "" {
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	}
	if err != nil {
		return nil, err
	}
	defer running.Wait()
	defer cancel()
	until, cancelWait := context.WithTimeout(ctx, o.Timeout)
	defer cancelWait()
	slow := time.AfterFunc(patience, func() { o.Progress("waiting for the documents of the backends") })
	defer slow.Stop()
	if _, err := running.WaitFor(until, (*aggregator.Snapshot).Settled); err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("not every backend has answered for its documents within %s: %w", o.Timeout, err)
		}
		return nil, err
	}
	return running.Record(ctx, r)
}

package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/process"
)

// DefaultTimeout is how long a child may take until all that it serves is available.
const DefaultTimeout = time.Minute

const (
	// stopGrace is how long a child that was available may take to end: it may have requests to finish.
	stopGrace = 5 * time.Second
	// hurriedGrace is how long one may take that never was, or whose user does not want to wait any more.
	hurriedGrace = time.Second
)

// Options say what to start.
type Options struct {
	// Command is the apiserver, as the PATH finds it, and its arguments.
	Command []string
	// Bare gives the child the environment alone, and no flags beside its own.
	Bare bool
	// Config is that of the kagg in front. An empty StateDir is a temporary folder, and one that another kagg serves
	// from is copied to one as far as its certificates go, which Progress is told; SecurePort 0 is any free port.
	// Objects may be missing; an APIService in them whose Service has no address, or the child's own, is served by the child.
	Config aggregator.Config
	// Timeout bounds the time from Start until Await returns; default DefaultTimeout.
	Timeout time.Duration
	// Unavailable makes With and Record take a child as it is when the time is over, if it still runs, and tell Progress what was
	// missing: for those who want to know what is wrong with it.
	Unavailable bool
	// Output gets what the child prints as it comes; nil: it is in the errors alone.
	Output io.Writer
	// Progress is told what is waited for when that takes more than a second, and what was done otherwise than one
	// would expect; nil: nobody is told.
	Progress func(string)
}

// Server is a child and the kagg in front of it. Its methods are for one goroutine.
type Server struct {
	options Options
	port    int
	// folder is the temporary state folder; "" when there is none.
	folder   string
	deadline time.Time
	running  *aggregator.Aggregator
	stop     context.CancelFunc
	child    *process.Process
	// available is whether Await has seen that all is there.
	available bool
	// names are the APIServices that the child serves, sorted.
	names []string
}

// Start starts a kagg and the child behind it, and returns when the child listens, calls itself ready, and has its
// APIServices. Await waits for those. The caller calls Stop in the end; after an error nothing runs. What is wrong with
// the objects is an *aggregator.InputError; a child that ends, that does not listen, or that cannot be asked for its
// group-versions is an error with the end of what it printed; ctx's error means that it ended first.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	s := &Server{options: o, deadline: time.Now().Add(o.Timeout), stop: func() {}}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, s.deadline)
	defer cancel()
	if err := s.choosePort(ctx); err != nil {
		return err
	}
	plan, err := newPlan(&s.options, s.port)
	if err != nil {
		return err
	}
	config := s.options.Config
	config.Stdin, config.Endpoints = plan.stdin, slices.Concat(config.Endpoints, plan.overrides)
	// The child is stopped before the kagg that it talks to.
	lifetime, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	if s.running, s.folder, err = front(lifetime, config, s.options.Progress); err != nil {
		return err
	}
	answer, err := s.run(ctx, plan)
	if err != nil {
		return err
	}
	s.names = plan.names
	if len(s.names) == 0 {
		s.names, err = s.register(ctx, plan.services[0], answer)
	}
	return err
}

// Aggregator is the kagg in front of the child.
func (s *Server) Aggregator() *aggregator.Aggregator { return s.running }

// APIServices are the names of those that the child serves, sorted.
func (s *Server) APIServices() []string { return slices.Clone(s.names) }

// Stop ends the child, then kagg, and removes the temporary folder. The child is asked to end at first, and by force
// after 5 seconds, or 1 if Await has not found it available. The error is one of removing the folder.
func (s *Server) Stop() error {
	if s.available {
		return s.end(stopGrace)
	}
	return s.end(hurriedGrace)
}

func (s *Server) end(grace time.Duration) error {
	if s.child != nil {
		s.child.Stop(grace)
	}
	s.stop()
	if s.running != nil {
		s.running.Wait()
	}
	if s.folder == "" {
		return nil
	}
	return os.RemoveAll(s.folder)
}

// alive returns a context that ends when the child does.
func (s *Server) alive(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	child := s.child
	go func() {
		select {
		case <-child.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// failed is the error of a child that could not be used: what happened, and the end of what it printed.
func (s *Server) failed(format string, args ...any) error {
	err := fmt.Errorf("%s %w", s.options.Command[0], fmt.Errorf(format, args...))
	switch printed := excerpt(s.child.Tail(), s.options.Command); {
	case s.options.Output != nil:
		return err
	case printed == "":
		return fmt.Errorf("%w; it printed nothing", err)
	default:
		return fmt.Errorf("%w; the end of what it printed:\n%s", err, indent(printed))
	}
}

package aggregator

import (
	"context"
	"errors"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/proxy"
)

// ManifestOptions says how kagg reads objects: the kinds that the local APIs
// serve strictly, others as they are. The arguments are the fields of
// manifest.Options by these names.
func ManifestOptions(filenames []string, recursive bool, stdin io.Reader) manifest.Options {
	return manifest.Options{
		Filenames: filenames, Recursive: recursive, Stdin: stdin, Scheme: delegate.Scheme, Others: true, Validate: validateEndpoint,
	}
}

// followFiles reads the objects and keeps them in step with their files until
// ctx ends. It returns the first state, or what is wrong with it; later ones are
// sent to the returned channel, which holds the newest alone. What is wrong with a
// file later is told once; its last good state stays.
func (a *Aggregator) followFiles(ctx context.Context) ([]manifest.Object, <-chan []manifest.Object, error) {
	if len(a.config.Filenames) == 0 {
		return nil, nil, nil
	}
	first := make(chan manifest.Update, 1)
	later := make(chan []manifest.Object, 1)
	options := ManifestOptions(a.config.Filenames, a.config.Recursive, a.config.Stdin)
	started := false
	ended := make(chan error, 1)
	a.running.Go(func() {
		ended <- manifest.Watch(ctx, options, func(u manifest.Update) {
			if !started {
				started = true
				first <- u
				return
			}
			for _, e := range u.Errors {
				a.config.OnEvent(Event{Subject: "files", Message: e.Error(), Warning: true})
			}
			for _, name := range u.Mended {
				a.config.OnEvent(Event{Subject: "files", Message: name + ": no errors any more"})
			}
			a.fileErrors.follow(u)
			replace(later, u.Objects)
		})
	})
	select {
	case u := <-first:
		return u.Objects, later, errors.Join(u.Errors...)
	case err := <-ended:
		return nil, nil, errors.Join(err, ctx.Err())
	}
}

// validateEndpoint finds endpoint annotations that are no address, where whoever
// wrote them can be told the file and the line.
func validateEndpoint(o runtime.Object) field.ErrorList {
	m, err := meta.Accessor(o)
	if err != nil {
		return nil
	}
	value, ok := m.GetAnnotations()[proxy.EndpointAnnotation]
	if !ok {
		return nil
	}
	if _, err := proxy.ParseEndpointAnnotation(value); err != nil {
		return field.ErrorList{field.Invalid(field.NewPath("metadata", "annotations").Key(proxy.EndpointAnnotation), value, err.Error())}
	}
	return nil
}

// replace puts v into a channel of one place, in place of what waits there. It is
// for one sender.
func replace[T any](c chan T, v T) {
	select {
	case <-c:
	default:
	}
	c <- v
}

// The pauses before objects that were refused for the time being are tried again.
const (
	retryFirst   = time.Second
	retryLongest = 30 * time.Second
)

// syncFiles lays each new state of the files over what is served until ctx ends,
// and the last one again when what is served changed and something waits for that.
func (a *Aggregator) syncFiles(ctx context.Context, objects []manifest.Object, states <-chan []manifest.Object) {
	pause := retryFirst
	retry := time.NewTimer(pause)
	defer retry.Stop()
	if !a.files.retries() {
		retry.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case objects = <-states:
			pause, a.files.patient = retryFirst, false
		case <-a.served:
			if !a.files.affected() {
				continue
			}
		case <-retry.C:
			a.files.patient = true
			pause = min(2*pause, retryLongest)
		}
		if err := a.files.sync(ctx, objects); err != nil && ctx.Err() == nil {
			a.config.OnEvent(Event{Subject: "files", Message: err.Error(), Warning: true})
		}
		if !a.files.retries() {
			retry.Stop()
			continue
		}
		retry.Reset(pause)
	}
}

// syncOthers applies, at the start, the objects of the kinds that definitions in
// the same files define, and of custom apiservers that answer already. The others
// wait.
func (a *Aggregator) syncOthers(ctx context.Context, objects []manifest.Object) error {
	if len(a.files.waiting) == 0 {
		return nil
	}
	a.files.awaitDefined(ctx, objects, func(ctx context.Context, done func(*Snapshot) bool) error {
		_, err := a.snapshots.wait(ctx, done)
		return err
	})
	return a.files.sync(ctx, objects)
}

package aggregator

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/proxy"
)

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
	options := manifest.Options{
		Filenames: a.config.Filenames, Recursive: a.config.Recursive, Stdin: a.config.Stdin, Scheme: delegate.Scheme, Validate: validateEndpoint,
	}
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
				a.config.OnEvent(Event{Subject: "files", Message: name + ": good again"})
			}
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

// syncFiles lays each new state of the files over the local APIs until ctx ends.
func (a *Aggregator) syncFiles(ctx context.Context, states <-chan []manifest.Object) {
	for {
		select {
		case <-ctx.Done():
			return
		case objects := <-states:
			if err := a.files.sync(ctx, objects); err != nil && ctx.Err() == nil {
				a.config.OnEvent(Event{Subject: "files", Message: err.Error(), Warning: true})
			}
		}
	}
}

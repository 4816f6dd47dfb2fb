package check

import (
	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/manifest"
)

// remotes returns the APIServices with a spec.service, by name.
func (f Facts) remotes() []aggregator.APIServiceView {
	if f.Replay == nil {
		return nil
	}
	var out []aggregator.APIServiceView
	for _, v := range f.Replay.Snapshot.APIServices() {
		if !v.Local() {
			out = append(out, v)
		}
	}
	return out
}

// source is where an object was read; zero where that is not known.
func (f Facts) source(kind, namespace, name string) manifest.Source {
	if f.Replay == nil {
		return manifest.Source{}
	}
	for _, o := range f.Replay.Recording.Objects {
		of := o.Object.GetNamespace()
		if of == "" && namespace != "" {
			of = "default"
		}
		if o.Object.GetKind() == kind && o.Object.GetName() == name && of == namespace {
			return o.Source
		}
	}
	return manifest.Source{}
}

// atAPIService is the place of an APIService.
func (f Facts) atAPIService(v *aggregator.APIServiceView) Where {
	s := f.source("APIService", "", v.Object.Name)
	w := Where{File: s.File, Line: s.Line, APIService: v.Object.Name}
	if !v.Local() {
		w.Backend = v.Backend
	}
	return w
}

// view is the APIService of that name; nil where there is none.
func (f Facts) view(name string) *aggregator.APIServiceView {
	if f.Replay == nil {
		return nil
	}
	views := f.Replay.Snapshot.APIServices()
	for i := range views {
		if views[i].Object.Name == name {
			return &views[i]
		}
	}
	return nil
}

// atName is the place of the APIService of that name; only the name where there is none.
func (f Facts) atName(name string) Where {
	if v := f.view(name); v != nil {
		return f.atAPIService(v)
	}
	return Where{APIService: name}
}

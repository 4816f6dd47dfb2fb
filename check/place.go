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
	return sourceIn(f.Replay.Recording.Objects, kind, namespace, name)
}

func sourceIn(objects []manifest.Object, kind, namespace, name string) manifest.Source {
	for _, o := range objects {
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

// Place gives objects the places that those of the same kind, namespace and name have in files, and none to the others:
// for objects that a running kagg gave.
func Place(objects, files []manifest.Object) {
	for i := range objects {
		o := objects[i].Object
		objects[i].Source = sourceIn(files, o.GetKind(), o.GetNamespace(), o.GetName())
	}
}

// placeBackends gives findings about a backend the file and line of the first APIService that names it, by name: it is
// where people look for what sends requests there.
func (f Facts) placeBackends(found []Finding) {
	first := map[string]manifest.Source{}
	views := f.remotes()
	for i := range views {
		if _, known := first[views[i].Backend]; !known {
			first[views[i].Backend] = f.source("APIService", "", views[i].Object.Name)
		}
	}
	for i := range found {
		if w := &found[i].Where; w.File == "" {
			w.File, w.Line = first[w.Backend].File, first[w.Backend].Line
		}
	}
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

package recording

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/internal/manifest"
)

// Files returns the files that Parse makes the recording of, the objects in one file. Sources of the objects are not
// kept.
func (r *Recording) Files() (Files, error) {
	f := Files{}
	if err := f.addObjects(objectsFile, r.Objects); err != nil {
		return nil, err
	}
	for i := range r.Backends {
		b := &r.Backends[i]
		prefix := backendsFolder + "/" + b.Folder + "/"
		f.addDocuments(prefix, &b.Documents)
		if b.State != nil {
			if err := f.addJSON(prefix+stateFile, b.State); err != nil {
				return nil, err
			}
		}
	}
	if r.Server != nil {
		if err := f.addJSON(serverFile, r.Server); err != nil {
			return nil, err
		}
	}
	if r.Local == nil {
		return f, nil
	}
	f.addDocument(coreFile, r.Local.Core)
	f.addDocuments(localFolder+"/", &r.Local.Documents)
	f.addDocuments(customFolder+"/", &r.Local.CustomResources)
	return f, f.addObjects(apiServicesFile, r.Local.APIServices)
}

func (f Files) addObjects(name string, objects []manifest.Object) error {
	var out bytes.Buffer
	for _, o := range objects {
		data, err := yaml.Marshal(o.Object.Object)
		if err != nil {
			return fmt.Errorf("record %s %s/%s: %w", o.Object.GetKind(), o.Object.GetNamespace(), o.Object.GetName(), err)
		}
		if out.Len() > 0 {
			out.WriteString("---\n")
		}
		out.Write(data)
	}
	if out.Len() > 0 {
		f[name] = out.Bytes()
	}
	return nil
}

func (f Files) addDocument(name string, content []byte) {
	if content != nil {
		f[name] = content
	}
}

func (f Files) addDocuments(prefix string, d *Documents) {
	f.addDocument(prefix+discoveryFile, d.Discovery)
	f.addDocument(prefix+v2File, d.OpenAPIV2)
	f.addDocument(prefix+v3IndexFile, d.OpenAPIV3Index)
	for gv, content := range d.Legacy {
		folder := "apis/"
		if !strings.Contains(gv, "/") {
			folder = "api/"
		}
		f[prefix+folder+gv+".json"] = content
	}
	for key, content := range d.OpenAPIV3 {
		f[prefix+v3Folder+key+".json"] = content
	}
}

func (f Files) addJSON(name string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("record %s: %w", name, err)
	}
	f[name] = append(data, '\n')
	return nil
}

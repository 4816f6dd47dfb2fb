package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kagg-project/kagg/internal/manifest"
)

// The parts of a recording.
const (
	objectsFile     = "objects.yaml"
	backendsFolder  = "backends"
	localFolder     = "local"
	customFolder    = localFolder + "/customresources"
	apiServicesFile = localFolder + "/apiservices.yaml"
	serverFile      = localFolder + "/server.json"
	coreFile        = localFolder + "/api.json"
	stateFile       = "state.json"
	discoveryFile   = "apis.json"
	v2File          = "openapi-v2.json"
	v3Folder        = "openapi-v3/"
	v3IndexFile     = v3Folder + "index.json"
)

// legacyFile matches the file of an APIResourceList.
var legacyFile = regexp.MustCompile(`^(?:apis/([^/]+/[^/]+)|api/([^/]+))\.json$`)

// folderName matches the name of a backend's folder. Neither a namespace nor the name of a Service has an underscore.
var folderName = regexp.MustCompile(`^([^_/]+)_([^_/]+)_(\d+)(_\d+)?$`)

// Load reads what o names, as manifest.Load does, and beside the objects in a folder what was recorded there. Its
// errors are those of manifest.Load, and one for a file of a recording that cannot be read. Of two folders with files
// of one name the later one counts.
func Load(o manifest.Options) (*Recording, error) {
	files := Files{}
	for _, name := range o.Filenames {
		for _, part := range []string{backendsFolder, localFolder} {
			if err := files.readFolder(name, part); err != nil {
				return nil, err
			}
		}
	}
	r, err := parseDocuments(files, o)
	if err != nil {
		return nil, err
	}
	if o.Recursive && len(files) > 0 {
		return nil, fmt.Errorf("%s holds a recording, whose documents are no objects: leave -R out", strings.Join(o.Filenames, ", "))
	}
	r.Objects, err = manifest.Load(o)
	return r, err
}

// Recorded tells whether a recording holds more than objects.
func (r *Recording) Recorded() bool { return len(r.Backends) > 0 || r.Local != nil }

// Parse reads the files of a recording. Of o only what says how strictly objects are read is looked at.
func Parse(files Files, o manifest.Options) (*Recording, error) {
	r, err := parseDocuments(files, o)
	if err != nil {
		return nil, err
	}
	for _, name := range files.Paths() {
		if path.Dir(name) != "." || !slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) {
			continue
		}
		objects, err := manifest.Decode(name, files[name], o)
		if err != nil {
			return nil, err
		}
		r.Objects = append(r.Objects, objects...)
	}
	return r, nil
}

// parseDocuments reads everything but the objects of the top level.
func parseDocuments(files Files, o manifest.Options) (*Recording, error) {
	r := &Recording{}
	var err error
	if r.Server, err = decodeFile[Server](files, serverFile); err != nil {
		return nil, err
	}
	if r.Local, err = parseLocal(files, o); err != nil {
		return nil, err
	}
	folders := map[string]Files{}
	for name, content := range files {
		rest, ok := strings.CutPrefix(name, backendsFolder+"/")
		if !ok {
			continue
		}
		folder, file, ok := strings.Cut(rest, "/")
		if !ok {
			continue
		}
		if folders[folder] == nil {
			folders[folder] = Files{}
		}
		folders[folder][file] = content
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		b, err := parseBackend(folder, folders[folder])
		if err != nil {
			return nil, err
		}
		r.Backends = append(r.Backends, b)
	}
	return r, nil
}

func parseBackend(folder string, files Files) (Backend, error) {
	match := folderName.FindStringSubmatch(folder)
	if match == nil {
		return Backend{}, fmt.Errorf("%s/%s is no backend: name the folder NAMESPACE_NAME_PORT, like default_my-api_443", backendsFolder, folder)
	}
	port, err := strconv.ParseInt(match[3], 10, 32)
	if err != nil {
		return Backend{}, fmt.Errorf("%s/%s is no backend: port %s: %w", backendsFolder, folder, match[3], err)
	}
	b := Backend{Folder: folder, Namespace: match[1], Name: match[2], Port: int32(port), Documents: parseServer(files, "")}
	if b.State, err = decodeFile[State](files, stateFile); err != nil {
		return Backend{}, fmt.Errorf("%s/%s: %w", backendsFolder, folder, err)
	}
	return b, nil
}

func parseLocal(files Files, o manifest.Options) (*Local, error) {
	local := false
	for name := range files {
		local = local || strings.HasPrefix(name, localFolder+"/")
	}
	if !local {
		return nil, nil //nolint:nilnil // not recorded is an answer
	}
	l := &Local{
		Core:            files[coreFile],
		Documents:       parseServer(files, localFolder+"/"),
		CustomResources: parseServer(files, customFolder+"/"),
	}
	if content, ok := files[apiServicesFile]; ok {
		var err error
		if l.APIServices, err = manifest.Decode(apiServicesFile, content, o); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// parseServer picks one server's documents out of files whose names begin with prefix.
func parseServer(files Files, prefix string) Documents {
	d := Documents{
		Discovery: files[prefix+discoveryFile], OpenAPIV2: files[prefix+v2File], OpenAPIV3Index: files[prefix+v3IndexFile],
		Legacy: map[string][]byte{}, OpenAPIV3: map[string][]byte{},
	}
	for name, content := range files {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if match := legacyFile.FindStringSubmatch(rest); match != nil {
			d.Legacy[match[1]+match[2]] = content
		}
		if key, ok := strings.CutPrefix(rest, v3Folder); ok && rest != v3IndexFile && path.Ext(key) == ".json" {
			d.OpenAPIV3[strings.TrimSuffix(key, ".json")] = content
		}
	}
	return d
}

// decodeFile decodes a JSON file strictly; nil when there is none.
func decodeFile[T any](files Files, name string) (*T, error) {
	content, ok := files[name]
	if !ok {
		return nil, nil //nolint:nilnil // no file is an answer
	}
	value := new(T)
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(value)
	if err == nil && decoder.More() {
		err = errors.New("there is more behind its JSON object")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: correct the file, or remove it", name, err)
	}
	return value, nil
}

package manifest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// service is a document for a Service called name.
func service(name string) string {
	return "apiVersion: v1\nkind: Service\nmetadata:\n  name: " + name + "\n"
}

// put writes files, given as name and content by turns, below dir.
func put(t *testing.T, dir string, files ...string) {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		file := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

// summary lists objects as "place kind/name", with dir left out of the places.
func summary(dir string, objects []Object) []string {
	list := []string{}
	for _, o := range objects {
		place := strings.TrimPrefix(o.Source.String(), dir+"/")
		list = append(list, place+" "+o.Object.GetKind()+"/"+o.Object.GetName())
	}
	return list
}

func TestLoadNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir,
		"b/two.yaml", service("two")+"---\n"+service("three"),
		"b/one.json", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"one"}}`,
		"b/four.yml", "# only a comment\n---\n\n---\n"+service("four")+"...\n",
		"b/notes.txt", "no manifest",
		"b/.hidden.yaml", "[", "b/#edit#.yaml", "[", "b/old.yaml~", "[", "b/.two.yaml.swp", "[",
		"b/sub/five.yaml", service("five"),
		"b/.git/six.yaml", "[",
		"plain", service("plain"),
	)
	all := []string{"b/four.yml:5 Service/four", "b/one.json:1 Service/one", "b/two.yaml:1 Service/two", "b/two.yaml:6 Service/three"}
	for _, tc := range []struct {
		name      string
		names     []string
		recursive bool
		want      []string
	}{
		{"folder", []string{"b"}, false, all},
		{"folder and below", []string{"b"}, true, []string{all[0], all[1], "b/sub/five.yaml:1 Service/five", all[2], all[3]}},
		{"file", []string{"b/one.json"}, false, all[1:2]},
		{"file of any name", []string{"plain"}, false, []string{"plain:1 Service/plain"}},
		{"order of names", []string{"plain", "b/two.yaml", "b/one.json"}, false, []string{"plain:1 Service/plain", all[2], all[3], all[1]}},
		{"file twice", []string{"b/one.json", "b/../b/one.json", "b"}, false, []string{all[1], all[0], all[2], all[3]}},
		{"standard input", []string{"-", "b/one.json", "-"}, false, []string{"<stdin>:2 Service/stdin", all[1]}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := Options{Recursive: tc.recursive, Scheme: testScheme(t), Stdin: strings.NewReader("\n" + service("stdin"))}
			for _, n := range tc.names {
				if n != "-" {
					n = filepath.Join(dir, n)
				}
				o.Filenames = append(o.Filenames, n)
			}
			objects, err := Load(o)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, summary(dir, objects)); d != "" {
				t.Errorf("objects (-want +got):\n%s", d)
			}
		})
	}
}

func TestLoadFollowsLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "mount/..v1/a.yaml", service("a"), "mount/..v1/b.yaml", service("b"), "far/c.yaml", service("c"), "far/below/d.yaml", service("d"))
	link(t, "..v1", dir+"/mount/..data")
	link(t, "..data/a.yaml", dir+"/mount/a.yaml")
	link(t, "..data/b.yaml", dir+"/mount/b.yaml")
	link(t, "b.yaml", dir+"/mount/same-as-b.yaml")
	link(t, "../far", dir+"/mount/far")
	link(t, "../mount", dir+"/far/back")
	for _, tc := range []struct {
		name      string
		names     []string
		recursive bool
		want      []string
	}{
		{"mount", []string{dir + "/mount"}, false, []string{"mount/a.yaml:1 Service/a", "mount/b.yaml:1 Service/b"}},
		{"linked folders, in a circle", []string{dir + "/mount"}, true, []string{
			"mount/a.yaml:1 Service/a", "mount/b.yaml:1 Service/b", "mount/far/below/d.yaml:1 Service/d", "mount/far/c.yaml:1 Service/c",
		}},
		{"file and its target", []string{dir + "/mount/a.yaml", dir + "/mount/..v1/a.yaml"}, false, []string{"mount/a.yaml:1 Service/a"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			objects, err := Load(Options{Filenames: tc.names, Recursive: tc.recursive, Scheme: testScheme(t)})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, summary(dir, objects)); d != "" {
				t.Errorf("objects (-want +got):\n%s", d)
			}
		})
	}
}

func TestLoadFileErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.yaml", service("a"), "b.yaml", "kind: Service\n"+service("x"), "c/again.yaml", "\n"+service("a"), "empty/note.txt", "", "huge.yaml", "# "+strings.Repeat("x", maxFile))
	link(t, "nowhere", dir+"/d/broken.yaml")
	for _, tc := range []struct {
		name  string
		names []string
		want  string
	}{
		{"all of them, in order", []string{"gone.yaml", "empty", "c", "a.yaml", "b.yaml"}, `
DIR/gone.yaml: no such file or folder; create it, or correct the name
DIR/empty: no manifest in the folder; put a .yaml, .yml or .json file there, or give -R to read its subfolders
DIR/a.yaml:1: metadata.name: Service "a" is defined already at DIR/c/again.yaml:2; remove one of the two
DIR/b.yaml:3: kind: the key is given twice, first on line 1; keep one of the two`},
		{"no standard input", []string{"-"}, `
<stdin>: cannot be read: there is no standard input; name files instead of -`},
		{"broken link", []string{"d"}, `
DIR/d/broken.yaml: cannot be read: no such file or directory; mend or remove the symbolic link`},
		{"too big", []string{"huge.yaml"}, `
DIR/huge.yaml: cannot be read: more than 16 MiB; split it`},
		{"folder in the way", []string{"a.yaml/b"}, `
DIR/a.yaml/b: cannot be read: not a directory`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := Options{Scheme: testScheme(t)}
			for _, n := range tc.names {
				if n != "-" {
					n = filepath.Join(dir, n)
				}
				o.Filenames = append(o.Filenames, n)
			}
			objects, err := Load(o)
			if err == nil || objects != nil {
				t.Fatalf("Load = %v, %v; want errors alone", objects, err)
			}
			if d := cmp.Diff(strings.ReplaceAll(tc.want[1:], "DIR", dir), err.Error()); d != "" {
				t.Errorf("errors (-want +got):\n%s", d)
			}
		})
	}
	_, err := Load(Options{Filenames: []string{dir + "/gone"}})
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, fs.ErrNotExist) || e.File != dir+"/gone" {
		t.Errorf("error = %#v, want an *Error that wraps fs.ErrNotExist", err)
	}
}

// TestLoadKeepsFields reads what YAML can write in several ways; nothing is defaulted, nothing is lost.
func TestLoadKeepsFields(t *testing.T) {
	t.Parallel()
	const docs = `%YAML 1.1
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata:
  name: v1.wardle.example.com
  creationTimestamp: 2026-01-02T03:04:05Z
  labels: &labels {on: "yes", 8080: a}
  annotations:
    <<: *labels
    on: no, really
    emoji: "\U0001F600"
spec: {group: wardle.example.com, version: v1, groupPriorityMinimum: 0x10, versionPriority: 0o17,
  insecureSkipTLSVerify: yes, service: {name: api, namespace: wardle}}
--- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {text: "---"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: d}
immutable:
data:
  block: |
    a
     --- b
`
	objects, err := Load(Options{Filenames: []string{"-"}, Stdin: strings.NewReader(docs), Scheme: testScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	for _, o := range objects {
		got = append(got, o.Object.Object)
	}
	type m = map[string]any
	want := []map[string]any{
		{
			"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
			"metadata": m{
				"name": "v1.wardle.example.com", "creationTimestamp": "2026-01-02T03:04:05Z",
				"labels":      m{"true": "yes", "8080": "a"},
				"annotations": m{"true": "no, really", "8080": "a", "emoji": "\U0001F600"},
			},
			"spec": m{
				"group": "wardle.example.com", "version": "v1", "groupPriorityMinimum": int64(16), "versionPriority": int64(15),
				"insecureSkipTLSVerify": true, "service": m{"name": "api", "namespace": "wardle"},
			},
		},
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": m{"name": "c"}, "data": m{"text": "---"}},
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": m{"name": "d"}, "immutable": nil, "data": m{"block": "a\n --- b\n"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("objects (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"<stdin>:3 APIService/v1.wardle.example.com", "<stdin>:15 ConfigMap/c", "<stdin>:17 ConfigMap/d"}, summary("", objects)); d != "" {
		t.Errorf("places (-want +got):\n%s", d)
	}
}

func TestLoadLists(t *testing.T) {
	t.Parallel()
	const docs = `{"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": [
  {"apiVersion": "v1", "kind": "ServiceList", "items": [
    {"metadata": {"name": "\ud83d\ude00"}},
    {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "b"}}]},
  {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
]}
{"apiVersion": "v1", "kind": "List"}
null
`
	objects, err := Load(Options{Filenames: []string{"-"}, Stdin: strings.NewReader(docs), Scheme: testScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"<stdin>:3 Service/\U0001F600", "<stdin>:4 Service/b", "<stdin>:5 ConfigMap/c"}
	if d := cmp.Diff(want, summary("", objects)); d != "" {
		t.Errorf("objects (-want +got):\n%s", d)
	}
	if got := objects[0].Object.GetAPIVersion(); got != "v1" {
		t.Errorf("apiVersion of the item that had none = %q, want v1", got)
	}
}

func TestLoadValidates(t *testing.T) {
	t.Parallel()
	validate := func(o runtime.Object) field.ErrorList {
		s, ok := o.(*corev1.Service)
		if !ok || len(s.Spec.Ports) == 1 && s.Spec.Ports[0].Port == 1 {
			return nil
		}
		port := field.NewPath("spec", "ports").Index(0).Child("port")
		return field.ErrorList{
			field.Invalid(port, 2, "must be 1"), field.Invalid(port, 2, "must be 1"),
			field.Required(field.NewPath("spec", "selector"), ""),
			field.Forbidden(field.NewPath("metadata", "annotations").Key("a.b/c"), "no"),
		}
	}
	docs := service("a") + "  annotations:\n    x: z\n    a.b/c: d\nspec:\n  ports:\n  - name: p\n    port: 2\n---\n" + service("b") + "spec: {ports: [{port: 1}]}\n"
	_, err := Load(Options{Filenames: []string{"-"}, Stdin: strings.NewReader(docs), Scheme: testScheme(t), Validate: validate})
	want := `<stdin>:7: metadata.annotations[a.b/c]: Forbidden: no; remove it
<stdin>:8: spec.selector: Required value; write it
<stdin>:11: spec.ports[0].port: Invalid value: 2: must be 1; correct the value`
	if err == nil {
		t.Fatal("no error")
	}
	if d := cmp.Diff(want, err.Error()); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}

func TestLoadBounds(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 9 {
		a := string(rune('0' + i))
		b := string(rune('1' + i))
		bomb.WriteString("a" + b + ": &a" + b + " [" + strings.Repeat("*a"+a+", ", 9) + "*a" + a + "]\n")
	}
	for name, text := range map[string]string{
		"alias bomb":   bomb.String(),
		"own alias":    "a: &a\n  b: *a\n",
		"deep yaml":    strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"deep json":    `{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}",
		"endless keys": "a: " + strings.Repeat("{a: ", 3000) + "1" + strings.Repeat("}", 3000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(Options{Filenames: []string{"-"}, Stdin: strings.NewReader(text)})
			if err == nil || !strings.Contains(err.Error(), "levels") {
				t.Errorf("error = %v, want one about values and levels", err)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		candidates []string
		want       []string
	}{
		{"versionPriorty", []string{"version", "versionPriority", "group"}, []string{"versionPriority"}},
		{"Servcie", []string{"Secret", "Service", "Service"}, []string{"Service"}},
		{"SERVICE", []string{"Service"}, []string{"Service"}},
		{"groupPriority", []string{"group", "groupPriorityMinimum"}, []string{"groupPriorityMinimum", "group"}},
		{"aa", []string{"ad", "ac", "ab", "ae"}, []string{"ab", "ac", "ad"}},
		{"zebra", []string{"Service", "zz"}, nil},
		{"same", []string{"same"}, nil},
		{"", []string{"abc"}, nil},
		{"x", nil, nil},
	} {
		if d := cmp.Diff(tc.want, Nearest(tc.name, tc.candidates)); d != "" {
			t.Errorf("Nearest(%q, %q) (-want +got):\n%s", tc.name, tc.candidates, d)
		}
	}
}

func FuzzDecode(f *testing.F) {
	inputs, err := filepath.Glob("../../testdata/manifest/*/input.*")
	if err != nil || len(inputs) == 0 {
		f.Fatalf("no inputs: %v", err)
	}
	for _, input := range inputs {
		data, err := os.ReadFile(input)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a: &a [*a]\n<<: *a\n? [b]\n: c\n%TAG ! x\n---\n"))
	d := newDecoder(Options{Scheme: testScheme(f)})
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1
		for _, name := range []string{"f.yaml", "f.json"} {
			objects, errs := d.decode(name, data)
			for _, e := range errs {
				if e.File != name || e.Line < 1 || e.Line > lines+1 || e.Message == "" || e.Mend == "" {
					t.Errorf("%s of %d lines: error %#v", name, lines, e)
				}
			}
			for _, o := range objects {
				if o.Source.File != name || o.Source.Line < 1 || o.Source.Line > lines || o.Object.GetName() == "" || o.Object.GetKind() == "" {
					t.Errorf("%s of %d lines: object %v at %v", name, lines, o.Object, o.Source)
				}
			}
		}
	})
}

package manifest

import (
	"io"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// stdinName names standard input, in Options.Filenames and in Source.File.
const stdinName = "-"

// Object is one object and where it was read. The object has the fields of its document and no
// others, but for apiVersion and kind on an item of a typed list, which may leave them out.
type Object struct {
	// Object is shared by all who got it: copy it before changing it.
	Object *unstructured.Unstructured
	Source Source
}

// Source is a place in a file.
type Source struct {
	// File is the name as given, or below the folder as given; "-" is standard input.
	File string
	// Line is the 1-based line of the object's first key.
	Line int
}

// String gives "file:line".
func (s Source) String() string {
	file := s.File
	if file == stdinName {
		file = "<stdin>"
	}
	if s.Line > 0 {
		file += ":" + strconv.Itoa(s.Line)
	}
	return file
}

// Options says what to read, and how strictly.
type Options struct {
	// Filenames are files, folders, or "-" for standard input. Of a folder the .yaml, .yml and .json
	// files are read, in lexical order, without hidden files and those that editors leave behind; a
	// file that is named itself may have any name. A file that is reached twice is read once.
	Filenames []string
	// Recursive also reads the subfolders of folders, hidden ones excepted. Default: no.
	Recursive bool
	// Stdin is what "-" reads, to its end, once. Needed only if "-" is named.
	Stdin io.Reader
	// Scheme has the Go types of the kinds that exist: a kind that is not in it is an error, as is a
	// field that its type does not have. Default: the kinds of apiregistration.k8s.io alone.
	Scheme *runtime.Scheme
	// Others takes objects of kinds that Scheme does not have too, where their group is one that it does not
	// have either: other servers may have them. Of those nothing is checked but that they have a name. Default:
	// no, they are errors.
	Others bool
	// Validate is a further check of each object without errors so far. It gets a copy that the
	// scheme has defaulted. Default: none. APIServices are always held to kube-aggregator's validation.
	Validate func(runtime.Object) field.ErrorList
}

// Error is one thing wrong at one place. It is never changed after it was returned.
type Error struct {
	// File is the name as in Source.
	File string
	// Line is the 1-based line of the offending field, of the nearest existing one above it if it is
	// missing, or 0 if the error is about the whole file.
	Line int
	// Field is the path of the field, such as spec.ports[0].name; empty if there is none.
	Field string
	// Message is what is wrong.
	Message string
	// Mend is what to write or do instead.
	Mend string

	// cause is what the operating system said, if it did.
	cause error
	// passing means that it tells of something that happened, not of something that lasts and could be
	// mended.
	passing bool
}

// Error gives "file:line: field: message; mend", without the parts that are empty.
func (e *Error) Error() string {
	parts := []string{Source{e.File, e.Line}.String()}
	if e.Field != "" {
		parts = append(parts, e.Field)
	}
	text := strings.Join(append(parts, e.Message), ": ")
	if e.Mend != "" {
		text += "; " + e.Mend
	}
	return text
}

// Unwrap gives the operating system's error, so that errors.Is(err, fs.ErrNotExist) tells a file that
// is not there from one that is bad. It is nil for all others.
func (e *Error) Unwrap() error { return e.cause }

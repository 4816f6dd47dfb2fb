package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
)

// jsonReader makes values from JSON, of which YAML is not quite a superset: surrogate pairs, for one.
type jsonReader struct {
	*report
	decoder  *json.Decoder
	newlines []int // offsets
	left     int
}

// readJSON returns the documents of a JSON stream that hold anything. An error ends the stream.
func readJSON(data []byte, r *report) []*value {
	j := &jsonReader{report: r, decoder: json.NewDecoder(bytes.NewReader(data)), left: maxValues}
	j.decoder.UseNumber()
	for i, c := range data {
		if c == '\n' {
			j.newlines = append(j.newlines, i)
		}
	}
	var docs []*value
	for {
		v, err := j.next("", 0)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			j.fail(err)
			return docs
		}
		if v.kind != kindNull {
			docs = append(docs, v)
		}
	}
}

func (j *jsonReader) fail(err error) {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		j.add(j.lineOf(syntax.Offset), "", "JSON syntax error: "+syntax.Error(), "check commas, quotes and brackets on this line and the one above")
	case errors.Is(err, io.ErrUnexpectedEOF):
		j.add(j.line(), "", "JSON syntax error: the file ends within a value", "close its brackets and quotes")
	default:
		j.add(j.line(), "", "JSON syntax error: "+err.Error(), "correct the value")
	}
}

// line is the line of the token read last, which never spans two.
func (j *jsonReader) line() int { return j.lineOf(j.decoder.InputOffset()) }

func (j *jsonReader) lineOf(offset int64) int {
	return sort.SearchInts(j.newlines, int(offset)) + 1
}

// next reads a value. io.EOF means that there is none; an end within a value is io.ErrUnexpectedEOF.
func (j *jsonReader) next(path string, depth int) (*value, error) {
	token, err := j.decoder.Token()
	if err != nil {
		return nil, err
	}
	if j.left--; j.left < 0 || depth > maxDepth {
		return nil, fmt.Errorf("more than %d values or %d levels", maxValues, maxDepth)
	}
	v := &value{line: j.line()}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			v.kind = kindObject
			err = j.object(v, path, depth)
		} else {
			v.kind = kindList
			err = j.list(v, path, depth)
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return v, err
	case string:
		v.kind, v.scalar = kindString, t
	case bool:
		v.kind, v.scalar, v.raw = kindBool, t, fmt.Sprint(t)
	case json.Number:
		return v, j.number(v, t)
	}
	return v, nil
}

func (j *jsonReader) number(v *value, n json.Number) error {
	v.raw = n.String()
	if i, err := n.Int64(); err == nil {
		v.kind, v.scalar = kindInt, i
		return nil
	}
	f, err := n.Float64()
	if err != nil {
		return fmt.Errorf("the number %s is out of range", shorten(n.String()))
	}
	v.kind, v.scalar = kindFloat, f
	return nil
}

func (j *jsonReader) object(v *value, path string, depth int) error {
	seen := map[string]int{}
	for j.decoder.More() {
		token, err := j.decoder.Token()
		if err != nil {
			return err
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("key %v is no string", token)
		}
		line, keyPath := j.line(), join(path, key)
		child, err := j.next(keyPath, depth+1)
		if err != nil {
			return err
		}
		if first, twice := seen[key]; twice {
			j.duplicateKey(v.get(key), line, keyPath, first)
			continue
		}
		seen[key] = line
		v.fields = append(v.fields, member{key, line, child})
	}
	_, err := j.decoder.Token()
	return err
}

func (j *jsonReader) list(v *value, path string, depth int) error {
	for j.decoder.More() {
		item, err := j.next(fmt.Sprintf("%s[%d]", path, len(v.items)), depth+1)
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
	}
	_, err := j.decoder.Token()
	return err
}

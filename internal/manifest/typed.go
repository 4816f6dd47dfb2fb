package manifest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// typeChecker holds a document against the Go type of its kind. The decoders of Kubernetes stop at the
// first value of a wrong type and tell no line; this tells all of them.
type typeChecker struct {
	*report
}

func (c *typeChecker) wrong(v *value, line int, path, message, mend string) {
	v.bad = true
	c.add(line, path, message, mend)
}

// check reports what in v does not fit t, and marks it bad. line is that of v's key.
func (c *typeChecker) check(v *value, t reflect.Type, path string, line int) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if v.kind == kindNull || t.Kind() == reflect.Interface {
		return
	}
	if decoder, ok := reflect.TypeAssert[json.Unmarshaler](reflect.New(t)); ok {
		c.own(v, decoder, path, line)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		c.structure(v, t, path, line)
	case reflect.Map:
		if c.is(v, kindObject, "an object", path, line) {
			for _, f := range v.fields {
				c.check(f.value, t.Elem(), path+"["+f.name+"]", f.line)
			}
		}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			c.bytes(v, path, line)
			return
		}
		if c.is(v, kindList, "a list", path, line) {
			for i, item := range v.items {
				c.check(item, t.Elem(), path+"["+strconv.Itoa(i)+"]", item.firstLine())
			}
		}
	default:
		c.scalar(v, t, path, line)
	}
}

func (c *typeChecker) is(v *value, k kind, wanted, path string, line int) bool {
	if v.kind != k {
		c.wrong(v, line, path, "wanted "+wanted+", found "+v.describe(), "write "+wanted)
	}
	return v.kind == k
}

// own asks a type that decodes itself, such as a time or a quantity.
func (c *typeChecker) own(v *value, decoder json.Unmarshaler, path string, line int) {
	data, err := json.Marshal(v.plain())
	if err == nil {
		err = decoder.UnmarshalJSON(data)
	}
	if err != nil {
		name := reflect.TypeOf(decoder).Elem().Name()
		c.wrong(v, line, path, fmt.Sprintf("%s is no %s: %v", v.describe(), name, err), "write a valid "+name)
	}
}

func (c *typeChecker) structure(v *value, t reflect.Type, path string, line int) {
	if !c.is(v, kindObject, "an object", path, line) {
		return
	}
	fields := jsonFields(t)
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, f.name)
	}
	for _, f := range v.fields {
		i := slices.Index(names, f.name)
		if i < 0 {
			c.wrong(f.value, f.line, join(path, f.name), "unknown field", didYouMean(f.name, names, "remove it"))
			continue
		}
		c.check(f.value, fields[i].typ, join(path, f.name), f.line)
	}
}

type jsonField struct {
	name string
	typ  reflect.Type
}

// jsonFields lists the fields of a struct as encoding/json sees them, embedded ones included.
func jsonFields(t reflect.Type) []jsonField {
	var fields []jsonField
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		embedded := f.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		switch {
		case name == "-":
		case f.Anonymous && name == "" && embedded.Kind() == reflect.Struct:
			fields = append(fields, jsonFields(embedded)...)
		case f.IsExported() && name == "":
			fields = append(fields, jsonField{f.Name, f.Type})
		case f.IsExported():
			fields = append(fields, jsonField{name, f.Type})
		}
	}
	return fields
}

// bytes checks a []byte, which JSON carries as base64.
func (c *typeChecker) bytes(v *value, path string, line int) {
	s, ok := v.scalar.(string)
	if !ok {
		c.wrong(v, line, path, "wanted a string of base64, found "+v.describe(), "write base64")
		return
	}
	if strings.Contains(s, "-----BEGIN") {
		c.wrong(v, line, path, "PEM text that is not base64-encoded", "write the PEM file's base64, as made by: base64 -w0 FILE")
		return
	}
	// As encoding/json does, this skips line breaks.
	var corrupt base64.CorruptInputError
	if _, err := base64.StdEncoding.DecodeString(s); errors.As(err, &corrupt) {
		c.wrong(v, line, path, fmt.Sprintf("no base64: illegal data at character %d", int64(corrupt)+1),
			"write the file's base64 on one line, as made by: base64 -w0 FILE")
	}
}

// scalar checks strings, numbers and booleans.
func (c *typeChecker) scalar(v *value, t reflect.Type, path string, line int) {
	s, isString := v.scalar.(string)
	switch t.Kind() {
	case reflect.String:
		if v.kind == kindObject || v.kind == kindList {
			c.is(v, kindString, "a string", path, line)
		} else if !isString {
			c.wrong(v, line, path, "wanted a string, found "+v.describe(), fmt.Sprintf("quote it: %q", v.raw))
		}
	case reflect.Bool:
		if v.kind != kindBool {
			mend := "write true or false"
			if b, err := strconv.ParseBool(s); err == nil && isString {
				mend = fmt.Sprintf("write %t without quotes", b)
			}
			c.wrong(v, line, path, "wanted true or false, found "+v.describe(), mend)
		}
	default:
		c.number(v, t, path, line)
	}
}

func (c *typeChecker) number(v *value, t reflect.Type, path string, line int) {
	s, _ := v.scalar.(string)
	integer := t.Kind() != reflect.Float32 && t.Kind() != reflect.Float64
	wanted := "a number"
	if integer {
		wanted = "a whole number"
	}
	switch {
	case v.kind == kindFloat && !integer:
	case v.kind == kindInt:
		data := []byte(fmt.Sprint(v.scalar))
		if json.NewDecoder(bytes.NewReader(data)).Decode(reflect.New(t).Interface()) != nil {
			c.wrong(v, line, path, v.describe()+" does not fit "+t.Kind().String(), "write a smaller number")
		}
	default:
		mend := "write " + wanted
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			mend = fmt.Sprintf("write %d without quotes", i)
		}
		c.wrong(v, line, path, "wanted "+wanted+", found "+v.describe(), mend)
	}
}

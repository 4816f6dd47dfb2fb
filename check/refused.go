package check

import "github.com/kagg-project/kagg/internal/manifest"

// Refused takes an error of reading objects apart, for Facts.Inputs. It is false where anything in it is no refusal of
// the manifest loader.
func Refused(err error) ([]*manifest.Error, bool) {
	switch e := err.(type) { //nolint:errorlint // each layer is looked at
	case nil:
		return nil, false
	case *manifest.Error:
		return []*manifest.Error{e}, true
	case interface{ Unwrap() error }:
		return Refused(e.Unwrap())
	case interface{ Unwrap() []error }:
		var out []*manifest.Error
		for _, one := range e.Unwrap() {
			inner, ok := Refused(one)
			if !ok {
				return nil, false
			}
			out = append(out, inner...)
		}
		return out, len(out) > 0
	}
	return nil, false
}

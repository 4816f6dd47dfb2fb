package manifest

import (
	"cmp"
	"slices"
)

// report gathers what is wrong with one file.
type report struct {
	file string
	errs []*Error
}

func (r *report) add(line int, field, message, mend string) {
	r.errs = append(r.errs, &Error{File: r.file, Line: line, Field: field, Message: message, Mend: mend})
}

// sorted returns the errors by line, in the order found where that is the same.
func (r *report) sorted() []*Error {
	slices.SortStableFunc(r.errs, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	return r.errs
}

package availability

import "regexp"

// volatile matches what differs between two failures of one cause: the port
// that the system chose for this side of a connection, and HTTP/2 stream numbers.
var volatile = regexp.MustCompile(`(read|write) tcp \S+->|[Ss]tream ?ID[ =:]*\d+`)

// SameFailure tells whether two failure texts are of one cause. A backend that
// fails again and again as before should not be told of, nor written down, each
// time. Safe for concurrent use.
func SameFailure(a, b string) bool {
	return a == b || volatile.ReplaceAllString(a, "") == volatile.ReplaceAllString(b, "")
}

package proxy

import (
	"net/http"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/transport"
)

// IdentityHeaders returns the headers that tell a backend who the user is: X-Remote-User, one
// X-Remote-Group a group, one X-Remote-Extra-<key> a value with the key escaped, and X-Remote-Uid when
// the user has one. The names are fixed, as the kube-aggregator's are; client-go writes them
// (transport.SetAuthProxyHeaders). u must not be nil.
func IdentityHeaders(u user.Info) http.Header {
	h := http.Header{}
	setIdentity(h, u)
	return h
}

// setIdentity writes the headers of [IdentityHeaders] into h, over whatever identity h holds.
func setIdentity(h http.Header, u user.Info) {
	transport.SetAuthProxyHeaders(&http.Request{Header: h}, u.GetName(), u.GetUID(), u.GetGroups(), u.GetExtra())
}

// addIdentity is setIdentity for headers that hold no identity. The user's own slices are shared: nobody changes them.
func addIdentity(h http.Header, u user.Info) {
	h["X-Remote-User"] = []string{u.GetName()}
	if uid := u.GetUID(); uid != "" {
		h["X-Remote-Uid"] = []string{uid}
	}
	if groups := u.GetGroups(); len(groups) > 0 {
		h["X-Remote-Group"] = groups
	}
	for key, values := range u.GetExtra() {
		if name := extraHeader(key); len(values) > 0 {
			h[name] = append(slices.Clip(h[name]), values...)
		}
	}
}

// extraHeaders are the names of the headers of the extra keys that nearly every user of a certificate or of a
// ServiceAccount's token has.
var extraHeaders = map[string]string{
	user.CredentialIDKey:       escapedExtraHeader(user.CredentialIDKey),
	serviceaccount.PodNameKey:  escapedExtraHeader(serviceaccount.PodNameKey),
	serviceaccount.PodUIDKey:   escapedExtraHeader(serviceaccount.PodUIDKey),
	serviceaccount.NodeNameKey: escapedExtraHeader(serviceaccount.NodeNameKey),
	serviceaccount.NodeUIDKey:  escapedExtraHeader(serviceaccount.NodeUIDKey),
}

// extraHeader is the name of the header that an extra key's values are sent in.
func extraHeader(key string) string {
	if name, ok := extraHeaders[key]; ok {
		return name
	}
	return escapedExtraHeader(key)
}

// escapedExtraHeader asks client-go, which alone knows how a key is escaped.
func escapedExtraHeader(key string) string {
	h := http.Header{}
	setIdentity(h, &user.DefaultInfo{Extra: map[string][]string{key: {""}}})
	delete(h, "X-Remote-User")
	for name := range h {
		return name
	}
	return "" // client-go writes a header for every key
}

// A stripper removes from a client's headers all that could speak for a user at the backend.
// Immutable; safe for concurrent use.
type stripper struct {
	names    []string // folded
	prefixes []string // folded
}

// newStripper takes the header names and prefixes that the front end itself reads identities from, in
// any spelling; the standard ones need not be among them.
func newStripper(names, prefixes []string) stripper {
	s := stripper{
		names:    []string{"authorization", "proxy-authorization"},
		prefixes: []string{"x-remote-"},
	}
	for _, n := range names {
		if n = fold(strings.TrimSpace(n)); n != "" && !slices.Contains(s.names, n) {
			s.names = append(s.names, n)
		}
	}
	for _, p := range prefixes {
		if p = fold(strings.TrimSpace(p)); p != "" && !slices.Contains(s.prefixes, p) {
			s.prefixes = append(s.prefixes, p)
		}
	}
	return s
}

// strip deletes from h. Underscores count as hyphens: a backend behind CGI, WSGI or a web server of
// that tradition cannot tell X_Remote_User from X-Remote-User. Names are compared without regard to
// case, and deleted by the key found, because http.Header.Del only reaches canonical keys.
func (s *stripper) strip(h http.Header) {
	for key := range h {
		if s.matches(key) {
			delete(h, key)
		}
	}
}

func (s *stripper) matches(key string) bool {
	for _, n := range s.names {
		if len(key) == len(n) && hasFoldedPrefix(key, n) {
			return true
		}
	}
	for _, p := range s.prefixes {
		if hasFoldedPrefix(key, p) {
			return true
		}
	}
	return false
}

// hasFoldedPrefix reports whether fold(s) begins with prefix, which is folded, without allocating.
func hasFoldedPrefix(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if foldByte(s[i]) != prefix[i] {
			return false
		}
	}
	return true
}

func fold(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = foldByte(b[i])
	}
	return string(b)
}

// foldByte folds ASCII only: a header name has no other letters.
func foldByte(c byte) byte {
	switch {
	case c == '_':
		return '-'
	case 'A' <= c && c <= 'Z':
		return c + ('a' - 'A')
	}
	return c
}

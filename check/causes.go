package check

import (
	"regexp"
	"slices"
	"strings"
)

// cause is one way in which a backend fails before it answers, with what follows from it.
type cause struct {
	// codes are the checks that find it by connecting.
	codes []string
	// has tells whether the backend fails so.
	has func(b *Backend, f Facts) bool
	// says tells whether a failure comes from it, by its text.
	says func(text string) bool
}

// consequences are the checks whose findings may be about nothing but a cause.
var consequences = []string{"KAGG040", "KAGG041", "KAGG061"}

// causes are in no order: a finding that follows from any of them is left out.
func causes() []cause {
	return []cause{
		{
			codes: []string{"KAGG020"},
			has: func(b *Backend, _ Facts) bool {
				return slices.ContainsFunc(b.Hosts, func(h Host) bool { return h.Failure != "" })
			},
			says: unconnected.MatchString,
		},
		{
			codes: []string{"KAGG021", "KAGG022", "KAGG024", "KAGG025"},
			has: func(b *Backend, f Facts) bool {
				return slices.ContainsFunc(b.Hosts, func(h Host) bool { return !b.Trust.accepts(h.Certificate, f) })
			},
			says: func(text string) bool { return strings.Contains(text, "x509:") },
		},
		{
			codes: []string{"KAGG026", "KAGG027", "KAGG029", "KAGG030"},
			has:   func(b *Backend, _ Facts) bool { return !b.believed() },
			says:  mayNot.MatchString,
		},
		{
			codes: []string{"KAGG031"},
			has: func(b *Backend, _ Facts) bool {
				return slices.ContainsFunc(b.Hosts, func(h Host) bool { return h.Refused != "" })
			},
			says: unconnected.MatchString,
		},
	}
}

// accepts tells whether a certificate is good; none is not known to be bad.
func (t Trust) accepts(c *Certificate, f Facts) bool {
	return t.Insecure || c == nil || c.Named && c.ServerAuth && c.Untrusted == "" && !f.Now.Before(c.NotBefore) && !f.Now.After(c.NotAfter)
}

// Texts of failed requests: of what fails before there is an answer, and of the statuses for who may not.
var (
	unconnected = regexp.MustCompile(`dial tcp|no such host|connection refused|connection reset|broken pipe|: EOF$|remote error: tls|` +
		`deadline exceeded|timeout|server gave HTTP response|does not look like a TLS handshake`)
	mayNot = regexp.MustCompile(`bad status from \S+: 40[13]\b|the backend answered 40[13]:`)
)

// withoutConsequences leaves out what only follows from another finding: a backend that cannot be connected to, whose
// certificate is not good, or that does not believe the front proxy has that finding, and not those of the requests
// that fail for it. What fails in another way stays.
func (f Facts) withoutConsequences(all []Finding) []Finding {
	found := map[string]map[string]bool{}
	for _, one := range all {
		if found[one.Code] == nil {
			found[one.Code] = map[string]bool{}
		}
		found[one.Code][one.Where.Backend] = true
	}
	return slices.DeleteFunc(all, func(one Finding) bool {
		if !slices.Contains(consequences, one.Code) {
			return false
		}
		return slices.ContainsFunc(causes(), func(c cause) bool {
			told := slices.ContainsFunc(c.codes, func(code string) bool { return found[code][one.Where.Backend] })
			return told && c.says(one.Message) && slices.ContainsFunc(f.live(), func(b *Backend) bool {
				return b.isOf(one.Where) && c.has(b, f)
			})
		})
	})
}

// isOf tells whether a place is at the backend: that of the place's APIService, where it has one.
func (b *Backend) isOf(w Where) bool {
	if w.APIService != "" {
		return slices.Contains(b.APIServices, w.APIService)
	}
	return b.Label == w.Backend
}

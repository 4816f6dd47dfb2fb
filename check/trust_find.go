package check

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// soon is how long before a certificate expires that is said.
const soon = 30 * 24 * time.Hour

// live are those that were connected to, by key.
func (f *Facts) live() []*Backend {
	out := make([]*Backend, 0, len(f.Live))
	for _, key := range slices.Sorted(maps.Keys(f.Live)) {
		if b := f.Live[key]; b != nil {
			out = append(out, b)
		}
	}
	return out
}

// eachHost makes a find of what looks at one address. It gives a message and, where it can say more, the mend.
func eachHost(look func(b *Backend, h *Host) (message, mend string)) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var out []Finding
		for _, b := range f.live() {
			for i := range b.Hosts {
				message, mend := look(b, &b.Hosts[i])
				if message != "" {
					out = append(out, Finding{Message: message, Mend: mend, Where: b.where("", "")})
				}
			}
		}
		return out
	}
}

// eachCertificate makes a find of what looks at one certificate that the aggregator verifies.
func eachCertificate(look func(now time.Time, t Trust, c *Certificate) (message, mend string)) func(Facts) []Finding {
	return func(f Facts) []Finding {
		return eachHost(func(b *Backend, h *Host) (string, string) {
			if b.Trust.Insecure || h.Certificate == nil {
				return "", ""
			}
			message, mend := look(f.Now, b.Trust, h.Certificate)
			if message != "" {
				message = h.Address + " serves a certificate " + message
			}
			return message, mend
		})(f)
	}
}

func (b *Backend) where(path, object string) Where {
	return Where{Backend: b.Label, Path: path, Object: object}
}

// quoted lists values; none is what stands for an empty list.
func quoted(values []string, none string) string {
	if len(values) == 0 {
		return none
	}
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, fmt.Sprintf("%q", v))
	}
	return strings.Join(out, ", ")
}

func findUnreachable(b *Backend, h *Host) (message, mend string) {
	if h.Failure == "" || b.Through && b.answered() {
		return "", ""
	}
	return fmt.Sprintf("%s cannot be connected to: %s", h.Address, h.Failure), advice(h.Hint)
}

// answered tells whether any resource list was had.
func (b *Backend) answered() bool {
	for _, r := range b.Legacy {
		if r.OK() {
			return true
		}
	}
	return false
}

func findName(_ time.Time, t Trust, c *Certificate) (message, mend string) {
	if c.Named {
		return "", ""
	}
	return fmt.Sprintf("without the name %q: its names are %s, its subject %q does not count", t.ServerName, quoted(c.Names, "none"), c.Subject),
		fmt.Sprintf("Issue a certificate with the DNS name %s among its subject alternative names: kagg cert makes one.", t.ServerName)
}

const day = "2006-01-02"

func findExpired(now time.Time, _ Trust, c *Certificate) (message, mend string) {
	switch {
	case now.After(c.NotAfter):
		return "that expired on " + c.NotAfter.Format(day), ""
	case now.Before(c.NotBefore):
		return "that is valid from " + c.NotBefore.Format(time.RFC3339) + " on, which is yet to come", "Correct the clock that the certificate was issued by, or this one."
	}
	return "", ""
}

func findExpiring(now time.Time, _ Trust, c *Certificate) (message, mend string) {
	left, life := c.NotAfter.Sub(now), c.NotAfter.Sub(c.NotBefore)
	if left < 0 || left >= soon || left >= life/3 {
		return "", ""
	}
	return fmt.Sprintf("that expires on %s, in %d days", c.NotAfter.Format(day), int(left.Hours()/24)), ""
}

func findUntrusted(_ time.Time, t Trust, c *Certificate) (message, mend string) {
	if c.Untrusted == "" {
		return "", ""
	}
	if c.KaggCA {
		mend = "Remove spec.caBundle: kagg issued the certificate, and trusts its own CA where there is none. For another aggregator, put that CA there."
	}
	source := "spec.caBundle is empty, so that the system's roots count, and kagg's CA " + quoted(t.CAs, "which is not known")
	if t.CABundle {
		source = "spec.caBundle holds " + quoted(t.CAs, "no certificate")
	}
	return fmt.Sprintf("that was issued by %q, and %s: %s", c.Issuer, source, c.Untrusted), mend
}

func findUsage(_ time.Time, _ Trust, c *Certificate) (message, mend string) {
	if c.ServerAuth {
		return "", ""
	}
	return "that is for " + quoted(c.Usages, "no usage") + " and not for serverAuth", ""
}

func findNotAsked(_ *Backend, h *Host) (message, mend string) {
	if h.Failure != "" || h.AsksClient {
		return "", ""
	}
	return h.Address + " asks for no client certificate in its TLS handshake", ""
}

func findOtherCA(b *Backend, h *Host) (message, mend string) {
	if b.FrontProxy == nil || !h.AsksClient || h.Acceptable {
		return "", ""
	}
	return fmt.Sprintf("%s asks for client certificates of %s; the front proxy's is of %s",
		h.Address, quoted(h.ClientCAs, ""), quoted(b.FrontProxy.Issuers, "")), ""
}

func findHungUp(b *Backend, h *Host) (message, mend string) {
	if h.Refused == "" || !h.AsksClient || b.FrontProxy == nil || !h.Acceptable {
		return "", ""
	}
	return fmt.Sprintf("%s ends the connection when the certificate of %q is presented: %s", h.Address, b.FrontProxy.CommonName, h.Refused), ""
}

// eachForged makes a find of what looks at one forged request.
func eachForged(look func(*Forged) string) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var out []Finding
		for _, b := range f.live() {
			for i := range b.Forged {
				if message := look(&b.Forged[i]); message != "" {
					out = append(out, Finding{Message: message, Where: b.where(b.Forged[i].Path, "")})
				}
			}
		}
		return out
	}
}

func findForged(f Facts) []Finding {
	return eachForged(func(r *Forged) string {
		if !r.Plain.Refused() || !r.Headers.OK() {
			return ""
		}
		return fmt.Sprintf("a request without a client certificate is answered with %d, and with %d when it says X-Remote-User: admin and X-Remote-Group: system:masters",
			r.Plain.Status, r.Headers.Status)
	})(f)
}

func findStranger(f Facts) []Finding {
	return eachForged(func(r *Forged) string {
		if r.Plain.OK() || r.Headers.OK() || !r.Stranger.OK() {
			return ""
		}
		return fmt.Sprintf("a request that says X-Remote-User: admin and X-Remote-Group: system:masters is answered with %d when it comes with a client certificate that nobody signed, and not without one",
			r.Stranger.Status)
	})(f)
}

// findOpen leaves alone a backend that refuses a wrong token: it does ask who is there, and system:anonymous may list
// because the authorization that it delegates to says so, as that of kagg does in its mode AlwaysAllow.
func findOpen(f Facts) []Finding {
	return eachForged(func(r *Forged) string {
		if !r.Objects || !r.Plain.OK() || !r.BadToken.OK() {
			return ""
		}
		return fmt.Sprintf("a request without any credential is answered with %d, and one with a token that is nobody's with %d", r.Plain.Status, r.BadToken.Status)
	})(f)
}

// notLookedAt is what kagg does not let through as the backend would have it.
const notLookedAt = "aggregated discovery, OpenAPI and whom the backend believes were not looked at"

func findNotLookedAt(f Facts) []Finding {
	out := make([]Finding, 0, len(f.Live))
	for _, b := range f.live() {
		message, mend := "", ""
		switch {
		case b.Stopped == StopCredentials:
			message = "nothing could be asked in a user's name without the front-proxy certificate's key or a running kagg: only certificates were looked at"
		case b.Stopped == StopTime:
			message = "looking at all of it took too long, and was stopped: it answers slowly, or serves very much"
			mend = "See what is slow: most requests are answered within milliseconds."
		case b.Stopped == "" && b.Through && !slices.ContainsFunc(b.Hosts, func(h Host) bool { return h.Failure == "" }):
			message = "requests went through kagg, for no address can be connected to from here: " + notLookedAt
			mend = "Run kagg check where its addresses can be reached."
		case b.Stopped == "" && b.Through:
			message = "requests went through kagg, for the front-proxy certificate's key is not here: " + notLookedAt
		default:
			continue
		}
		out = append(out, Finding{Message: message, Mend: mend, Where: b.where("", "")})
	}
	return out
}

// named finds whom a refusal is about, as k8s.io/apiserver writes it.
var named = regexp.MustCompile(`[Uu]ser "([^"]*)"`)

// takenFor is whom the backend took for the user; "" where the answer does not tell. 401 is for who is not known, and
// so it is when it is an administrator's: hand-written servers answer it to who may not, too.
func (i *Identity) takenFor() string {
	if i.Status == statusUnauthorized && (i.User == "" || slices.Contains(i.Groups, "system:masters")) {
		return anonymous
	}
	if match := named.FindStringSubmatch(i.Message); i.Status == statusForbidden && match != nil {
		return match[1]
	}
	return ""
}

const anonymous = "system:anonymous"

// mistaken is the first request whose user the backend took for somebody else; nil where there is none.
func (b *Backend) mistaken(somebody string) *Identity {
	for i := range b.Identity {
		if r := &b.Identity[i]; r.takenFor() == somebody && r.User != somebody {
			return r
		}
	}
	return nil
}

// presented tells whether the front proxy's certificate reached the backend.
func (b *Backend) presented() bool {
	return !slices.ContainsFunc(b.Hosts, func(h Host) bool {
		return h.Failure == "" && (!h.AsksClient || b.FrontProxy != nil && !h.Acceptable || h.Refused != "")
	})
}

// believed tells whether the backend takes users for who they are, as far as was seen: what it refuses otherwise
// says nothing.
func (b *Backend) believed() bool {
	return b.presented() && b.mistaken(anonymous) == nil && (b.FrontProxy == nil || b.mistaken(b.FrontProxy.CommonName) == nil)
}

func (i *Identity) asked() string {
	return fmt.Sprintf("a request in the name of %q is answered with %d", cmp.Or(i.User, "kagg's administrator"), i.Status)
}

func findAnonymous(f Facts) []Finding {
	var out []Finding
	for _, b := range f.live() {
		i := b.mistaken(anonymous)
		if i == nil || !b.presented() {
			continue
		}
		message := i.asked() + ", though the front proxy vouches for it: " + cmp.Or(i.Message, "no reason is given")
		out = append(out, Finding{Message: message, Where: b.where(i.Path, "")})
	}
	return out
}

func findProxy(f Facts) []Finding {
	var out []Finding
	for _, b := range f.live() {
		if b.FrontProxy == nil {
			continue
		}
		if i := b.mistaken(b.FrontProxy.CommonName); i != nil {
			out = append(out, Finding{Message: i.asked() + ", as one of the front proxy's own: " + i.Message, Where: b.where(i.Path, "")})
		}
	}
	return out
}

package parity

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// Difference is one place in which the two servers differ.
type Difference struct {
	// Scenario and Request say where it came up.
	Scenario, Request string
	// Target is the request's method and path, whatever its name.
	Target string
	// Where is the place, as "status", "header Content-Type", "body", "body .items[0].kind",
	// "backend header X-Remote-User".
	Where string
	// Real and Kagg are what either had.
	Real, Kagg string
}

// String shows both sides.
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s: %s\n  kube-aggregator: %s\n  kagg:            %s", d.Scenario, d.Request, d.Where, clip(d.Real), clip(d.Kagg))
}

func clip(s string) string {
	const most = 2000
	if len(s) > most {
		return fmt.Sprintf("%s... (%d bytes)", s[:most], len(s))
	}
	return s
}

// ephemeral are headers and fields whose values are new each time, on both.
var (
	ephemeralHeaders = []string{"Date", "Audit-Id", "Kagg-Generation", "Expires", markHeader}
	ephemeralFields  = []string{"uid", "resourceVersion", "creationTimestamp", "lastTransitionTime", "managedFields"}
	validity         = regexp.MustCompile(`current time \S+ is after \S+`)
	loopback         = regexp.MustCompile(`(127\.0\.0\.1|\[::1\]):\d+`)
)

// compareAnswers lists the differences of two answers, in a fixed order.
func compareAnswers(real, kagg answered, realSide, kaggSide *side, r *Request) []Difference {
	c := comparison{realNames: realSide.names, kaggNames: kaggSide.names}
	c.text("failure", real.failure, kagg.failure)
	c.text("informational", fmt.Sprint(real.informational), fmt.Sprint(kagg.informational))
	c.text("status", fmt.Sprint(real.status), fmt.Sprint(kagg.status))
	if r.Backend == "" {
		// Tags of what a server makes are its own; that there is one, and that it is good, is compared.
		opaque(real.header)
		opaque(kagg.header)
	}
	if isDocument(real) && isDocument(kagg) {
		// Names of servers and UIDs are in them.
		real.header.Del("Content-Length")
		kagg.header.Del("Content-Length")
	}
	c.headers("header", real.header, kagg.header)
	c.headers("trailer", real.trailer, kagg.trailer)
	c.text("broken", fmt.Sprint(real.broken), fmt.Sprint(kagg.broken))
	c.text("backend notices that the client left", fmt.Sprint(real.left), fmt.Sprint(kagg.left))
	c.bodies("body", real, kagg)
	if r.Backend != "" {
		c.backends(real.backend, kagg.backend)
	}
	return c.found
}

func isDocument(a answered) bool {
	_, ok := parse(a, strings.NewReplacer())
	return ok
}

// opaque hides what a tag says.
func opaque(h http.Header) {
	for _, name := range []string{"Etag", "Last-Modified"} {
		if h.Get(name) != "" {
			h.Set(name, "some")
		}
	}
}

type comparison struct {
	realNames, kaggNames *strings.Replacer
	found                []Difference
}

func (c *comparison) add(where, real, kagg string) {
	c.found = append(c.found, Difference{Where: where, Real: real, Kagg: kagg})
}

// text compares what is left when each side's own addresses have names.
func (c *comparison) text(where, real, kagg string) {
	real, kagg = named(real, c.realNames), named(kagg, c.kaggNames)
	if real != kagg {
		c.add(where, real, kagg)
	}
}

// named replaces addresses and moments.
func named(text string, names *strings.Replacer) string {
	return validity.ReplaceAllString(loopback.ReplaceAllString(names.Replace(text), "ADDRESS"), "current time is after")
}

func (c *comparison) headers(where string, real, kagg map[string][]string) {
	names := slices.Collect(maps.Keys(real))
	for name := range kagg {
		if _, ok := real[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if slices.Contains(ephemeralHeaders, name) {
			continue
		}
		c.text(where+" "+name, strings.Join(real[name], "\n"), strings.Join(kagg[name], "\n"))
	}
}

func (c *comparison) backends(real, kagg *received) {
	if real == nil || kagg == nil {
		c.text("backend", fmt.Sprint(real != nil), fmt.Sprint(kagg != nil))
		return
	}
	c.text("backend method", real.Method, kagg.Method)
	c.text("backend target", real.Target, kagg.Target)
	c.text("backend protocol", real.Proto, kagg.Proto)
	c.headers("backend header", real.Header, kagg.Header)
	c.headers("backend trailer", real.Trailer, kagg.Trailer)
	c.text("backend body", string(real.Body), string(kagg.Body))
	for name, h := range map[string]map[string][]string{"kube-aggregator": real.Header, "kagg": kagg.Header} {
		if len(h["Audit-Id"]) != 1 {
			c.add("backend header Audit-Id", "one", fmt.Sprintf("%v at %s", h["Audit-Id"], name))
		}
	}
}

// bodies compares documents as parsed, and everything else as text.
func (c *comparison) bodies(where string, real, kagg answered) {
	a, okA := parse(real, c.realNames)
	b, okB := parse(kagg, c.kaggNames)
	if !okA || !okB {
		c.text(where, string(real.body), string(kagg.body))
		return
	}
	reporter := &places{}
	cmp.Equal(a, b, cmp.Reporter(reporter))
	for _, p := range reporter.found {
		c.add(where+" "+p.where, p.real, p.kagg)
	}
}

func encoded(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

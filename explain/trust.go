package explain

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/proxy"
)

// roots says which CAs a backend's certificate is verified by.
func (e *explainer) roots(v *aggregator.APIServiceView) string {
	trust := proxy.TLS{CABundle: v.Object.Spec.CABundle, InsecureSkipVerify: v.Object.Spec.InsecureSkipTLSVerify}
	if server := e.replay.Recording.Server; server != nil {
		trust.ExtraRoots = []byte(server.TrustedCA)
	}
	switch trust.Roots() {
	case proxy.RootsNone:
		return "any certificate is taken, for spec.insecureSkipTLSVerify is set"
	case proxy.RootsBundle:
		return "those of spec.caBundle alone: " + listed(subjects(trust.CABundle))
	case proxy.RootsSystemAndExtra:
		return "the system's, as spec.caBundle is empty, and kagg's own: " + listed(subjects(trust.ExtraRoots))
	case proxy.RootsSystem:
	}
	return "the system's, as spec.caBundle is empty"
}

// subjects names the certificates in PEM, each with the day it ends.
func subjects(data []byte) []string {
	var out []string
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			out = append(out, fmt.Sprintf("a certificate that cannot be read (%v)", err))
			continue
		}
		out = append(out, fmt.Sprintf("%s, until %s", cmp.Or(certificate.Subject.String(), "no subject"), certificate.NotAfter.UTC().Format(time.DateOnly)))
	}
	if len(out) == 0 {
		return []string{"no certificate in it"}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

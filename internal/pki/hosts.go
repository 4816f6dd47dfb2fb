package pki

import (
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// hosts are the names and addresses that a serving certificate is for, in the order given, each once.
type hosts struct {
	names []string
	ips   []net.IP
}

// parseHosts sorts list into names and addresses. Names are lower-cased; a leading "*." is allowed.
func parseHosts(list []string) (hosts, error) {
	var h hosts
	for _, s := range list {
		if ip := net.ParseIP(strings.Trim(s, "[]")); ip != nil {
			if !slices.ContainsFunc(h.ips, ip.Equal) {
				h.ips = append(h.ips, ip)
			}
			continue
		}
		name := strings.ToLower(strings.TrimSuffix(s, "."))
		if problems := validation.IsDNS1123Subdomain(strings.TrimPrefix(name, "*.")); len(problems) > 0 {
			return hosts{}, fmt.Errorf("host %q for a serving certificate is neither an IP address nor a DNS name: give it without scheme, port and path", s)
		}
		if !slices.Contains(h.names, name) {
			h.names = append(h.names, name)
		}
	}
	return h, nil
}

// hostsOf are the hosts that a certificate is for.
func hostsOf(cert *x509.Certificate) hosts {
	return hosts{names: cert.DNSNames, ips: cert.IPAddresses}
}

func (h hosts) coveredBy(cert *x509.Certificate) bool {
	for _, name := range h.names {
		if !slices.Contains(cert.DNSNames, name) {
			return false
		}
	}
	for _, ip := range h.ips {
		if !slices.ContainsFunc(cert.IPAddresses, ip.Equal) {
			return false
		}
	}
	return true
}

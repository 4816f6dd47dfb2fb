package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Override sends a service's requests to one address, whatever its objects say. Port 0 stands for every
// port of the service; an Override that names the port wins over one that does not.
type Override struct {
	Namespace, Name string
	Port            int32
	// Host is "host:port".
	Host string
}

// String is what [ParseOverride] reads.
func (o Override) String() string {
	if o.Port == 0 {
		return o.Namespace + "/" + o.Name + "=" + o.Host
	}
	return o.Namespace + "/" + o.Name + ":" + strconv.Itoa(int(o.Port)) + "=" + o.Host
}

const overrideForm = "want NAMESPACE/NAME[:PORT]=HOST:PORT, like default/my-api=127.0.0.1:6444"

// ParseOverride reads NAMESPACE/NAME[:PORT]=HOST:PORT. An IPv6 host goes in brackets.
func ParseOverride(s string) (Override, error) {
	service, host, ok := strings.Cut(s, "=")
	if !ok {
		return Override{}, fmt.Errorf("endpoint %q has no \"=\": %s", s, overrideForm)
	}
	namespace, name, ok := strings.Cut(service, "/")
	if !ok {
		return Override{}, fmt.Errorf("endpoint %q names no namespace: %s", s, overrideForm)
	}
	o := Override{Namespace: namespace}
	name, port, hasPort := strings.Cut(name, ":")
	o.Name = name
	if hasPort {
		n, err := parsePort(port)
		if err != nil {
			return Override{}, fmt.Errorf("endpoint %q: port of the service: %w: %s", s, err, overrideForm)
		}
		o.Port = n
	}
	for _, part := range [...][2]string{{"namespace", o.Namespace}, {"name", o.Name}} {
		if problems := validation.IsDNS1123Label(part[1]); len(problems) > 0 {
			return Override{}, fmt.Errorf("endpoint %q: %s %q: %s: %s", s, part[0], part[1], problems[0], overrideForm)
		}
	}
	if strings.Contains(host, "://") {
		return Override{}, fmt.Errorf("endpoint %q: write %q without its scheme, backends are always https: %s", s, host, overrideForm)
	}
	if err := checkHostPort(host); err != nil {
		return Override{}, fmt.Errorf("endpoint %q: %w: %s", s, err, overrideForm)
	}
	o.Host = host
	return o, nil
}

// overrideFor finds the override of q: one with its port, else one for any port; the first of equals.
func overrideFor(q Query, overrides []Override) (Override, bool) {
	found, ok := Override{}, false
	for _, o := range overrides {
		if o.Namespace != q.Namespace || o.Name != q.Name {
			continue
		}
		if o.Port == q.Port {
			return o, true
		}
		if o.Port == 0 && !ok {
			found, ok = o, true
		}
	}
	return found, ok
}

// ParseEndpointAnnotation reads the value of [EndpointAnnotation], "https://host:port", and returns
// host:port. Without a port it is 443. Anything more than scheme, host and port is an error.
func ParseEndpointAnnotation(value string) (string, error) {
	const form = "want https://HOST:PORT"
	u, err := url.Parse(value)
	switch {
	case err != nil, u.Scheme != "https":
		return "", fmt.Errorf("%q is not an https URL: %s", value, form)
	case u.User != nil, u.RawQuery != "", u.Fragment != "", u.Path != "" && u.Path != "/":
		return "", fmt.Errorf("%q has more than a host and a port: %s", value, form)
	}
	host := u.Host
	if u.Port() == "" && !strings.HasSuffix(host, ":") {
		host = net.JoinHostPort(u.Hostname(), "443")
	}
	if err := checkHostPort(host); err != nil {
		return "", fmt.Errorf("%q: %w: %s", value, err, form)
	}
	return host, nil
}

func byAnnotation(q Query, rule Rule, kind, value string) (Resolution, error) {
	host, err := ParseEndpointAnnotation(value)
	if err != nil {
		return Resolution{}, &ResolveError{
			Query: q, Cause: CauseInvalidEndpoint,
			Message: fmt.Sprintf("no endpoints available for service %q", q.Name),
			Detail:  fmt.Sprintf("annotation %s on the %s: %v", EndpointAnnotation, kind, err),
		}
	}
	return Resolution{
		Hosts: []string{host}, Rule: rule,
		Reason: fmt.Sprintf("the annotation %s on the %s is %q.", EndpointAnnotation, kind, value),
	}, nil
}

func checkHostPort(s string) error {
	host, port, err := net.SplitHostPort(s)
	if wrong, ok := errors.AsType[*net.AddrError](err); ok {
		return fmt.Errorf("address %q: %s", s, wrong.Err)
	}
	if host == "" {
		return fmt.Errorf("address %q has no host", s)
	}
	if strings.ContainsAny(host, "/?#@ ") {
		return fmt.Errorf("address %q: host %q is no host name and no IP address", s, host)
	}
	if _, err := parsePort(port); err != nil {
		return fmt.Errorf("address %q: %w", s, err)
	}
	return nil
}

func parsePort(s string) (int32, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no port from 1 to 65535", s)
	}
	return int32(n), nil
}

package delegate

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"slices"
	"time"
)

// mergeAuthenticationConfig adds what one server publishes to what stands in the ConfigMap already, as
// the servers of a cluster do (k8s.io/kubernetes pkg/controlplane/controller/clusterauthenticationtrust):
// certificates and names are united, the existing ones first, and expired certificates leave. Whoever runs
// it last, each server's part is in the result, so that servers which share a storage never take turns in
// writing. Existing data that cannot be read counts as none. Neither input is changed.
func mergeAuthenticationConfig(existing, own map[string]string, now time.Time) map[string]string {
	merged := maps.Clone(own)
	if merged == nil {
		merged = map[string]string{}
	}
	for key, value := range own {
		switch before, ok := existing[key]; {
		case !ok:
		case isBundle(key):
			merged[key] = uniteBundles(before, value, now)
		default:
			merged[key] = uniteLists(before, value)
		}
	}
	for key, value := range existing {
		if _, ok := own[key]; !ok {
			merged[key] = value
		}
	}
	return merged
}

// authenticationConfig is what the ConfigMap is to hold that holds existing, where this server publishes own.
func (s *Server) authenticationConfig(existing, own map[string]string) map[string]string {
	if !s.config.SharedStorage {
		return maps.Clone(own)
	}
	return mergeAuthenticationConfig(existing, own, time.Now())
}

// publishedRootCA is the bundle that is to stand where existing does. Servers that share a storage unite
// theirs, where each would else put its own in place of the other's for ever.
func (s *Server) publishedRootCA(existing []byte) []byte {
	own := s.config.RootCA()
	if !s.config.SharedStorage || len(existing) == 0 {
		return own
	}
	return []byte(uniteBundles(string(existing), string(own), time.Now()))
}

func isBundle(key string) bool {
	return key == "client-ca-file" || key == "requestheader-client-ca-file"
}

// uniteBundles returns the certificates of both, each once. A bundle with something that is no
// certificate gives what can be read of it.
func uniteBundles(a, b string, now time.Time) string {
	var out bytes.Buffer
	var seen [][]byte
	for _, rest := range [][]byte{[]byte(a), []byte(b)} {
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil || cert.NotAfter.Before(now) || slices.ContainsFunc(seen, func(s []byte) bool { return bytes.Equal(s, cert.Raw) }) {
				continue
			}
			seen = append(seen, cert.Raw)
			out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
		}
	}
	return out.String()
}

// uniteLists returns the names of two JSON lists, each once.
func uniteLists(a, b string) string {
	var out []string
	for _, list := range []string{a, b} {
		var names []string
		if err := json.Unmarshal([]byte(list), &names); err != nil {
			continue
		}
		for _, name := range names {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	data, err := json.Marshal(slices.Concat([]string{}, out))
	if err != nil {
		return b
	}
	return string(data)
}

package serviceaccount

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are those that a token may be signed with.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512}

// keys are the public keys that tokens are verified with. They do not change.
type keys struct {
	all  []jose.JSONWebKey
	byID map[string][]jose.JSONWebKey
}

// newKeys takes public keys, or private ones whose public halves count. A key that is given twice
// counts once.
func newKeys(given []any) (keys, error) {
	out := keys{byID: map[string][]jose.JSONWebKey{}}
	for _, key := range given {
		if private, ok := key.(interface{ Public() crypto.PublicKey }); ok {
			key = private.Public()
		}
		jwk, err := webKey(key)
		if err != nil {
			return keys{}, err
		}
		if len(out.byID[jwk.KeyID]) > 0 {
			continue
		}
		out.byID[jwk.KeyID] = append(out.byID[jwk.KeyID], jwk)
		out.all = append(out.all, jwk)
	}
	if len(out.all) == 0 {
		return keys{}, errors.New("no key to verify ServiceAccount tokens with")
	}
	return out, nil
}

// named returns the keys that a token of this key ID may be verified with: all of them when it has none.
func (k keys) named(id string) []jose.JSONWebKey {
	if id == "" {
		return k.all
	}
	return k.byID[id]
}

// webKey describes a public key. Its ID is the SHA-256 of its DER form, as upstream derives it
// (pkg/serviceaccount/jwt.go, keyIDFromPublicKey).
func webKey(public any) (jose.JSONWebKey, error) {
	algorithm, err := algorithmOf(public)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("encoding a public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return jose.JSONWebKey{
		Key: public, KeyID: base64.RawURLEncoding.EncodeToString(sum[:]), Algorithm: string(algorithm), Use: "sig",
	}, nil
}

func algorithmOf(public any) (jose.SignatureAlgorithm, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return jose.RS256, nil
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return jose.ES256, nil
		case elliptic.P384():
			return jose.ES384, nil
		case elliptic.P521():
			return jose.ES512, nil
		}
		return "", fmt.Errorf("an ECDSA key is on the curve %s: use P-256, P-384 or P-521", k.Curve.Params().Name)
	default:
		return "", fmt.Errorf("a key is a %T: use RSA or ECDSA", public)
	}
}

// newSigner signs as the key's own algorithm asks and names the key in the token's header.
func newSigner(private crypto.Signer) (jose.Signer, error) {
	jwk, err := webKey(private.Public())
	if err != nil {
		return nil, err
	}
	jwk.Key = private
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(jwk.Algorithm), Key: jwk}, nil)
	if err != nil {
		return nil, fmt.Errorf("preparing the signing key: %w", err)
	}
	return signer, nil
}

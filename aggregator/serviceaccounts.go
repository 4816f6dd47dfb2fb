package aggregator

import (
	"crypto"
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/util/keyutil"

	"github.com/kagg-project/kagg/delegate/serviceaccount"
	"github.com/kagg-project/kagg/internal/pki"
)

// DefaultServiceAccountIssuer is kubeadm's.
const DefaultServiceAccountIssuer = "https://kubernetes.default.svc.cluster.local"

// ServiceAccounts says how the tokens of ServiceAccounts are signed and
// verified. The zero value of a field means its default.
type ServiceAccounts struct {
	// Issuers are accepted as who made a token; the first makes the new ones.
	// Default: DefaultServiceAccountIssuer.
	Issuers []string
	// SigningKeyFile is the PEM file of the private key that signs. Default: the
	// made key of the state folder.
	SigningKeyFile string
	// KeyFiles are PEM files of public or private keys that tokens are verified
	// with, beside the signing key.
	KeyFiles []string
	// APIAudiences are whom a token must be for. Default: Issuers.
	APIAudiences []string
	// MaxExpiration shortens what is asked for, from an hour to 2^32 seconds.
	// Default: nothing is shortened.
	MaxExpiration time.Duration
	// FixedExpiration keeps pods' tokens from living for a year.
	FixedExpiration bool
	// JWKSURI is where the discovery document says that the keys are. Default:
	// /openid/v1/jwks at the server's own address.
	JWKSURI string
}

// newAccountTokens reads the keys.
func newAccountTokens(c *ServiceAccounts, state *pki.State) (*serviceaccount.Tokens, error) {
	file := c.SigningKeyFile
	if file == "" {
		file = state.ServiceAccountKey
	}
	key, err := keyutil.PrivateKeyFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("service-account-signing-key-file: %w: name a PEM file with an RSA or ECDSA private key", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("service-account-signing-key-file %s: a %T cannot sign: name a PEM file with an RSA or ECDSA private key", file, key)
	}
	config := serviceaccount.Config{
		SigningKey: signer, Issuers: c.Issuers, Audiences: c.APIAudiences,
		MaxExpiration: c.MaxExpiration, FixedExpiration: c.FixedExpiration, JWKSURI: c.JWKSURI,
	}
	if len(config.Issuers) == 0 {
		config.Issuers = []string{DefaultServiceAccountIssuer}
	}
	for _, file := range c.KeyFiles {
		keys, err := verificationKeys(file)
		if err != nil {
			return nil, err
		}
		config.VerificationKeys = append(config.VerificationKeys, keys...)
	}
	return serviceaccount.New(config)
}

// verificationKeys reads public keys, or a private one in any of its forms.
func verificationKeys(file string) ([]any, error) {
	public, err := keyutil.PublicKeysFromFile(file)
	if err == nil {
		return public, nil
	}
	if private, other := keyutil.PrivateKeyFromFile(file); other == nil {
		return []any{private}, nil
	}
	return nil, fmt.Errorf("service-account-key-file: %w: name a PEM file with RSA or ECDSA keys", err)
}

// rootCA is what verifies kagg for its clients: its CA, or a serving certificate
// that was given, whose CA is not known.
func (a *Aggregator) rootCA() []byte {
	if a.config.ServingCertFile == "" {
		return a.trust.roots
	}
	given, err := os.ReadFile(a.config.ServingCertFile)
	if err != nil {
		return nil // the serving certificate is read next, and its error is the one to tell
	}
	return given
}

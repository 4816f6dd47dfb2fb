package serviceaccount

import (
	"crypto"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/utils/lru"
)

const (
	// Bounds of Config.MaxExpiration, as a kube-apiserver has them.
	shortestMaxExpiration = time.Hour
	longestMaxExpiration  = (1 << 32) * time.Second

	// verifiedTokens is how many tokens are remembered whose signature was verified.
	verifiedTokens = 4096
)

// Config is what [Tokens] are made of.
type Config struct {
	// SigningKey signs tokens: RSA, or ECDSA on P-256, P-384 or P-521. Required.
	SigningKey crypto.Signer
	// VerificationKeys are public keys, or private ones whose public halves count, that tokens are verified
	// with, beside SigningKey. Default: none.
	VerificationKeys []any
	// Issuers are the accepted "iss" claims; the first is that of new tokens. At least one is required.
	Issuers []string
	// Audiences are those of the API itself: of a request that names none, and what tokens are checked for.
	// Default: Issuers.
	Audiences []string
	// MaxExpiration shortens what is requested; from an hour to 2^32 seconds. Default: nothing is shortened.
	MaxExpiration time.Duration
	// FixedExpiration keeps the tokens of pods that ask for 3607 seconds, as a kubelet does, at that.
	// Default: they live for a year, and say that they should not be used after 3607 seconds.
	FixedExpiration bool
	// JWKSURI is where the discovery document says that the keys are; an https URL. Default: the path
	// /openid/v1/jwks of the server's own address.
	JWKSURI string
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// complete fills the defaults and checks the rest. Upstream: pkg/kubeapiserver/options/authentication.go,
// pkg/controlplane/apiserver/options/options.go.
func (c *Config) complete() error {
	if c.SigningKey == nil {
		return errors.New("no key to sign ServiceAccount tokens with")
	}
	if len(c.Issuers) == 0 {
		return errors.New("service-account-issuer: at least one issuer is needed")
	}
	for i, issuer := range c.Issuers {
		switch {
		case issuer == "":
			return errors.New("service-account-issuer should not be an empty string")
		case slices.Contains(c.Issuers[:i], issuer):
			return fmt.Errorf("service-account-issuer %q is already specified", issuer)
		case strings.Contains(issuer, ":"):
			if _, err := url.Parse(issuer); err != nil {
				return fmt.Errorf("service-account-issuer %q contained a ':' but was not a valid URL: %w", issuer, err)
			}
		}
	}
	if c.MaxExpiration != 0 && (c.MaxExpiration < shortestMaxExpiration || c.MaxExpiration > longestMaxExpiration) {
		return fmt.Errorf("the service-account-max-token-expiration must be between 1 hour and 2^32 seconds: it is %s", c.MaxExpiration)
	}
	if c.JWKSURI != "" {
		u, err := url.Parse(c.JWKSURI)
		if err != nil {
			return fmt.Errorf("service-account-jwks-uri must be a valid URL: %w", err)
		}
		if u.Scheme != "https" {
			return fmt.Errorf("service-account-jwks-uri requires https scheme, parsed as: %s", u)
		}
	}
	if len(c.Audiences) == 0 {
		c.Audiences = c.Issuers
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// Tokens signs and verifies the tokens of ServiceAccounts. It is an [authenticator.Token] that knows
// nobody before [Tokens.Bind]. Its methods are safe for concurrent use.
type Tokens struct {
	config        Config
	signer        jose.Signer
	keys          keys
	authenticator authenticator.Token
	objects       atomic.Pointer[Objects]
	// verified holds *verified by the token's hash: an elliptic curve is slow, and what may change after
	// the signature is looked at with each request.
	verified *lru.Cache
}

var _ authenticator.Token = (*Tokens)(nil)

// New checks the configuration and makes Tokens of it.
func New(c Config) (*Tokens, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	t := &Tokens{config: c, verified: lru.New(verifiedTokens)}
	var err error
	if t.signer, err = newSigner(c.SigningKey); err != nil {
		return nil, err
	}
	if t.keys, err = newKeys(append(slices.Clone(c.VerificationKeys), c.SigningKey)); err != nil {
		return nil, err
	}
	t.authenticator = t.newAuthenticator()
	return t, nil
}

// Audiences are those of the API itself.
func (t *Tokens) Audiences() authenticator.Audiences { return slices.Clone(t.config.Audiences) }

// Bind hands over the objects that tokens are about. It is called once, by the server that has them.
func (t *Tokens) Bind(o Objects) { t.objects.Store(&o) }

// sign makes a token; the issuer and what is in public win over what is in private.
func (t *Tokens) sign(issuer string, public jwt.Claims, private any) (string, error) {
	public.Issuer = issuer
	// As upstream writes it: a list, also of one.
	audience := struct {
		Audience []string `json:"aud,omitempty"`
	}{public.Audience}
	token, err := jwt.Signed(t.signer).Claims(private).Claims(public).Claims(audience).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return token, nil
}

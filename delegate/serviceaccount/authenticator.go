package serviceaccount

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/jwt"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/token/union"
)

// AuthenticateToken says whose token it is: the ServiceAccount, if the token is signed by a known key, of
// a known issuer, for a wanted audience, in its time, and if all that it is bound to is still there. The
// wanted audiences are those in ctx, else the API's. A token of another issuer is nobody's, without an
// error. It follows pkg/serviceaccount/jwt.go; unlike upstream, which remembers the answer for ten
// seconds, it remembers the signature alone, so that a token is void as soon as what it is bound to goes.
func (t *Tokens) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	if t.objects.Load() == nil {
		return nil, false, nil
	}
	return t.authenticator.AuthenticateToken(ctx, token)
}

// newAuthenticator tries the tokens of Secrets first, as upstream does.
func (t *Tokens) newAuthenticator() authenticator.Token {
	return union.New(
		&kind{tokens: t, issuers: []string{LegacyIssuer}, validate: t.validateLegacy},
		&kind{tokens: t, issuers: t.config.Issuers, validate: t.validateBound},
	)
}

// verified is what a token with a good signature says.
type verified struct {
	public jwt.Claims
	bound  boundClaims
	legacy legacyClaims
}

// kind authenticates one of the two kinds of token.
type kind struct {
	tokens   *Tokens
	issuers  []string
	validate func(ctx context.Context, token string, v *verified) (*serviceaccount.ServiceAccountInfo, error)
}

// AuthenticateToken implements authenticator.Token.
func (k *kind) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	v, err := k.tokens.verify(token, k.issuers)
	if v == nil || err != nil {
		return nil, false, err
	}
	api := k.tokens.config.Audiences
	has := authenticator.Audiences(v.public.Audience)
	if len(has) == 0 {
		audit.AddAuditAnnotation(ctx, "authentication.k8s.io/legacy-token", v.public.Subject)
		has = api
	}
	wanted, ok := authenticator.AudiencesFrom(ctx)
	if !ok {
		wanted = api
	}
	audiences := has.Intersect(wanted)
	if len(audiences) == 0 && len(api) != 0 {
		return nil, false, fmt.Errorf("token audiences %q is invalid for the target audiences %q", has, wanted)
	}
	info, err := k.validate(ctx, token, v)
	if err != nil {
		return nil, false, err
	}
	return &authenticator.Response{User: info.UserInfo(), Audiences: audiences}, true, nil
}

// verify returns what the token says, or nil where it is not a token of these issuers, or why its
// signature is not good.
func (t *Tokens) verify(token string, issuers []string) (*verified, error) {
	hash := sha256.Sum256([]byte(token))
	if found, ok := t.verified.Get(hash); ok {
		if v, ok := found.(*verified); ok && slices.Contains(issuers, v.public.Issuer) {
			return v, nil
		}
		return nil, nil // another kind's token
	}
	if !slices.Contains(issuers, claimedIssuer(token)) {
		return nil, nil // nobody's token here, and no error
	}
	parsed, err := jwt.ParseSigned(token, algorithms)
	if err != nil {
		return nil, nil //nolint:nilerr // as above
	}
	id := ""
	for i := range parsed.Headers {
		if id = parsed.Headers[i].KeyID; id != "" {
			break
		}
	}
	candidates := t.keys.named(id)
	if len(candidates) == 0 {
		return nil, errors.New("invalid signature, no keys found")
	}
	var errs []error
	for i := range candidates {
		v := &verified{}
		if err := parsed.Claims(candidates[i].Key, &v.public, &v.bound, &v.legacy); err != nil {
			errs = append(errs, err)
			continue
		}
		t.verified.Add(hash, v)
		return v, nil
	}
	return nil, utilerrors.NewAggregate(errs)
}

// claimedIssuer is the issuer that a token claims to have; nothing of it is verified.
func claimedIssuer(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return ""
	}
	return claims.Issuer
}

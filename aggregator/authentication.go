package aggregator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	requestunion "k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	"k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"

	"github.com/kagg-project/kagg/delegate/serviceaccount"
	"github.com/kagg-project/kagg/internal/pki"
)

// healthPaths are open to everyone unless anonymous access is settled by flag:
// a probe has no credentials.
var healthPaths = []string{"/healthz", "/livez", "/readyz", "/version"}

// authentication is who may ask, and by what.
type authentication struct {
	request authenticator.Request
	token   *tokens
	// accounts are the tokens of ServiceAccounts, and audiences those that tokens
	// must be for.
	accounts  *serviceaccount.Tokens
	audiences authenticator.Audiences
	// headers are those that a believed front proxy names the user in.
	headers *authenticatorfactory.RequestHeaderConfig
	// clientCA is asked for in the TLS handshake: users' and front proxies'.
	clientCA dynamiccertificates.CAContentProvider
	// users and proxies are the two parts of clientCA.
	users, proxies dynamiccertificates.CAContentProvider
	config         RequestHeader
}

func newAuthentication(c *Config, state *pki.State) (*authentication, error) {
	a := &authentication{config: c.RequestHeader}
	var err error
	// First: what follows has goroutines that an error here would leave.
	if a.token, err = newTokenFile(c.TokenAuthFile); err != nil {
		return nil, err
	}
	if a.accounts, err = newAccountTokens(&c.ServiceAccounts, state); err != nil {
		return nil, err
	}
	a.audiences = a.accounts.Audiences()
	if a.users, err = a.userCAs(c.ClientCAFile, state); err != nil {
		return nil, err
	}
	proxyCA := c.RequestHeader.ClientCAFile
	if proxyCA == "" {
		proxyCA = state.FrontProxyCA.CertFile
	}
	if a.proxies, err = a.caFile("--requestheader-client-ca-file", proxyCA); err != nil {
		return nil, err
	}
	a.clientCA = dynamiccertificates.NewUnionCAContentProvider(a.users, a.proxies)
	a.headers = &authenticatorfactory.RequestHeaderConfig{
		UsernameHeaders:     headerrequest.StaticStringSlice(a.config.UsernameHeaders),
		UIDHeaders:          headerrequest.StaticStringSlice(a.config.UIDHeaders),
		GroupHeaders:        headerrequest.StaticStringSlice(a.config.GroupHeaders),
		ExtraHeaderPrefixes: headerrequest.StaticStringSlice(a.config.ExtraHeaderPrefixes),
		CAContentProvider:   a.proxies,
		AllowedClientNames:  headerrequest.StaticStringSlice(a.config.AllowedNames),
	}
	a.request = a.compose(c.AnonymousAuth)
	return a, nil
}

// userCAs verifies users' client certificates: the state folder's own CA, and
// those of the file where one is given.
func (a *authentication) userCAs(file string, state *pki.State) (dynamiccertificates.CAContentProvider, error) {
	own, err := a.caFile("cluster-ca", state.ClusterCA.CertFile)
	if err != nil || file == "" {
		return own, err
	}
	given, err := a.caFile("--client-ca-file", file)
	if err != nil {
		return nil, err
	}
	return dynamiccertificates.NewUnionCAContentProvider(own, given), nil
}

func (a *authentication) caFile(purpose, file string) (dynamiccertificates.CAContentProvider, error) {
	ca, err := dynamiccertificates.NewDynamicCAContentFromFile(purpose, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: name a PEM file with at least one CA certificate", purpose, err)
	}
	return ca, nil
}

// compose puts the authenticators in the kube-apiserver's order: front proxy,
// client certificate, static token, ServiceAccount's token, and anonymous last
// (k8s.io/kubernetes pkg/kubeapiserver/authenticator/config.go).
func (a *authentication) compose(anonymousAuth *bool) authenticator.Request {
	token := union.New(authenticator.WrapAudienceAgnosticToken(a.audiences, a.token), a.accounts)
	requests := []authenticator.Request{
		authenticator.WrapAudienceAgnosticRequest(a.audiences, frontProxies{headerrequest.NewDynamicVerifyOptionsSecure(a.proxies.VerifyOptions, headerrequest.StaticStringSlice(a.config.AllowedNames),
			a.headers.UsernameHeaders, a.headers.UIDHeaders, a.headers.GroupHeaders, a.headers.ExtraHeaderPrefixes), a.headers.UsernameHeaders}),
		newCertificates(a.users, time.Now),
		bearertoken.New(token),
		websocket.NewProtocolAuthenticator(token),
	}
	authenticated := group.NewAuthenticatedGroupAdder(requestunion.New(requests...))
	switch {
	case anonymousAuth == nil:
		conditions := make([]apiserver.AnonymousAuthCondition, 0, len(healthPaths))
		for _, path := range healthPaths {
			conditions = append(conditions, apiserver.AnonymousAuthCondition{Path: path})
		}
		return requestunion.NewFailOnError(authenticated, anonymous.NewAuthenticator(conditions))
	case *anonymousAuth:
		return requestunion.NewFailOnError(authenticated, anonymous.NewAuthenticator(nil))
	default:
		return authenticated
	}
}

// configMap returns the data of the ConfigMap
// kube-system/extension-apiserver-authentication, from which custom apiservers
// learn whom to believe (k8s.io/kubernetes pkg/controlplane/controller/clusterauthenticationtrust).
func (a *authentication) configMap() map[string]string {
	return map[string]string{
		"client-ca-file":                     string(a.users.CurrentCABundleContent()),
		"requestheader-client-ca-file":       string(a.proxies.CurrentCABundleContent()),
		"requestheader-allowed-names":        jsonList(a.config.AllowedNames),
		"requestheader-username-headers":     jsonList(a.config.UsernameHeaders),
		"requestheader-uid-headers":          jsonList(a.config.UIDHeaders),
		"requestheader-group-headers":        jsonList(a.config.GroupHeaders),
		"requestheader-extra-headers-prefix": jsonList(a.config.ExtraHeaderPrefixes),
	}
}

func jsonList(values []string) string {
	data, err := json.Marshal(slices.Concat([]string{}, values))
	if err != nil {
		return "[]"
	}
	return string(data)
}

// listen makes listener be told of each change of a CA file. The files are
// followed by whoever serves with clientCA.
func (a *authentication) listen(listener dynamiccertificates.Listener) {
	a.users.AddListener(listener)
	a.proxies.AddListener(listener)
}

// checkAnonymous refuses what would open kagg to a network without anyone
// having said so.
func checkAnonymous(c *Config) error {
	if !c.opensToAll() || c.BindAddress.IsLoopback() || c.AllowRemoteAnonymous || c.AnonymousAuth == nil || !*c.AnonymousAuth {
		return nil
	}
	return errors.New(strings.Join([]string{
		"anonymous access with every right on " + c.BindAddress.String() + ", which is not a loopback address, is refused:",
		"leave --anonymous-auth out, bind to 127.0.0.1, decide with --authorization-mode=RBAC, or allow it with --allow-remote-anonymous",
	}, " "))
}

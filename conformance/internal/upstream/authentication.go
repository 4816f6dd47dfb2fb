package upstream

import (
	"crypto/rand"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/authentication/token/tokenfile"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"

	"github.com/kagg-project/kagg/internal/pki"
)

// Authentication is how a kube-apiserver is told whom to let in, by the same words as kagg.
type Authentication struct {
	// TokenFile is a CSV file of static tokens. Default: none.
	TokenFile string
	// Anonymous lets requests without credentials in on every path.
	Anonymous bool
	// UsernameHeaders, UIDHeaders, GroupHeaders and ExtraHeaderPrefixes default to the X-Remote-* of a
	// kube-apiserver.
	UsernameHeaders, UIDHeaders, GroupHeaders, ExtraHeaderPrefixes []string

	clientCA dynamiccertificates.CAContentProvider
}

func or(values, otherwise []string) headerrequest.StaticStringSlice {
	if values == nil {
		return otherwise
	}
	return values
}

// apply sets authentication, and authorization of everything, as k8s.io/kubernetes pkg/kubeapiserver/authenticator
// composes it.
func (a *Authentication) apply(c *genericapiserver.Config, state *pki.State) error {
	users, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca", state.ClusterCA.CertFile)
	if err != nil {
		return err
	}
	proxies, err := dynamiccertificates.NewDynamicCAContentFromFile("request-header", state.FrontProxyCA.CertFile)
	if err != nil {
		return err
	}
	a.clientCA = dynamiccertificates.NewUnionCAContentProvider(users, proxies)
	headers := &authenticatorfactory.RequestHeaderConfig{
		UsernameHeaders:     or(a.UsernameHeaders, []string{"X-Remote-User"}),
		UIDHeaders:          or(a.UIDHeaders, []string{"X-Remote-Uid"}),
		GroupHeaders:        or(a.GroupHeaders, []string{"X-Remote-Group"}),
		ExtraHeaderPrefixes: or(a.ExtraHeaderPrefixes, []string{"X-Remote-Extra-"}),
		CAContentProvider:   proxies,
		AllowedClientNames:  headerrequest.StaticStringSlice{"front-proxy-client"},
	}
	requests := []authenticator.Request{
		headerrequest.NewDynamicVerifyOptionsSecure(proxies.VerifyOptions, headers.AllowedClientNames,
			headers.UsernameHeaders, headers.UIDHeaders, headers.GroupHeaders, headers.ExtraHeaderPrefixes),
		x509.NewDynamic(users.VerifyOptions, x509.CommonNameUserConversion),
	}
	if a.TokenFile != "" {
		tokens, err := tokenfile.NewCSV(a.TokenFile)
		if err != nil {
			return err
		}
		requests = append(requests, bearertoken.New(tokens), websocket.NewProtocolAuthenticator(tokens))
	}
	all := group.NewAuthenticatedGroupAdder(union.New(requests...))
	if a.Anonymous {
		all = union.NewFailOnError(all, anonymous.NewAuthenticator(nil))
	}
	c.Authentication = genericapiserver.AuthenticationInfo{Authenticator: all, RequestHeaderConfig: headers}
	c.Authorization.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	return nil
}

// loopbackToken is the secret by which the server knows itself.
func loopbackToken() string { return rand.Text() }

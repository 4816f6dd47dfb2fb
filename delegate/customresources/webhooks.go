package customresources

import (
	"net/http"
	"net/url"

	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/rest"
)

// directly keeps requests to the Services of webhooks from the proxy of the environment, which knows nothing
// of them: unlike a kube-apiserver, this one runs where people have one set. Webhooks with a URL follow it.
func directly(delegate webhook.AuthenticationInfoResolver) webhook.AuthenticationInfoResolver {
	return &webhook.AuthenticationInfoResolverDelegator{
		ClientConfigForFunc: delegate.ClientConfigFor,
		ClientConfigForServiceFunc: func(name, namespace string, port int) (*rest.Config, error) {
			config, err := delegate.ClientConfigForService(name, namespace, port)
			if err != nil {
				return nil, err
			}
			config = rest.CopyConfig(config)
			config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil } //nolint:nilnil // no proxy
			return config, nil
		},
	}
}

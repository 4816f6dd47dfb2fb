package upstream

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/keyutil"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/memory"
	"github.com/kagg-project/kagg/delegate/serviceaccount"
	"github.com/kagg-project/kagg/internal/pki"
)

// localAPIs are what stands behind the aggregator.
type localAPIs struct {
	server *delegate.Server
	memory *memory.Backend
}

// newLocalAPIs starts kagg's delegate, until ctx ends.
func newLocalAPIs(ctx context.Context, o *Options) (*localAPIs, error) {
	tokens, err := accountTokens(o.State)
	if err != nil {
		return nil, err
	}
	backend := memory.NewBackend(memory.Options{})
	server, err := delegate.New(delegate.Config{
		RESTOptionsGetter: backend.RESTOptionsGetter(delegate.StorageCodec),
		Authorizer:        authorizerfactory.NewAlwaysAllowAuthorizer(),
		ServiceAccounts:   tokens,
		ExternalAddress:   o.Listener.Addr().String(),
		Version:           o.Version,
	})
	if err != nil {
		return nil, err
	}
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	return &localAPIs{server: server, memory: backend}, nil
}

// create puts objects into the storage. Their resources' names are those of the kinds, in small letters with an s.
func (l *localAPIs) create(ctx context.Context, objects []*unstructured.Unstructured) error {
	client, err := dynamic.NewForConfig(l.server.ClientConfig())
	if err != nil {
		return err
	}
	for _, o := range objects {
		gvk := o.GroupVersionKind()
		resource := client.Resource(gvk.GroupVersion().WithResource(strings.ToLower(gvk.Kind) + "s"))
		var in dynamic.ResourceInterface = resource
		if o.GetNamespace() != "" {
			in = resource.Namespace(o.GetNamespace())
		}
		if _, err := in.Create(ctx, o, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("creating the %s %s: %w", gvk.Kind, o.GetName(), err)
		}
	}
	return nil
}

// listedDelegate is a delegate that lists paths: one without any has no OpenAPI for the kube-aggregator.
type listedDelegate struct {
	genericapiserver.DelegationTarget
	paths []string
	local *localAPIs
}

// UnprotectedHandler implements genericapiserver.DelegationTarget.
func (d listedDelegate) UnprotectedHandler() http.Handler {
	all := d.DelegationTarget.UnprotectedHandler()
	others := sync.OnceValues(d.local.openAPIOfOthers)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/openapi/v2" {
			all.ServeHTTP(w, req)
			return
		}
		doc, err := others()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Etag", `"local"`)
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(doc))
	})
}

// ListedPaths implements genericapiserver.DelegationTarget.
func (d listedDelegate) ListedPaths() []string { return d.paths }

// target is what the kube-aggregator delegates to.
func (l *localAPIs) target() (genericapiserver.DelegationTarget, error) {
	var root metav1.RootPaths
	if err := l.get("/", "application/json", &root); err != nil {
		return nil, err
	}
	return listedDelegate{genericapiserver.NewEmptyDelegateWithCustomHandler(l.server.Handler()), root.Paths, l}, nil
}

// openAPIOfOthers is the OpenAPI of the local APIs but for APIServices, which a kube-aggregator has of its own.
func (l *localAPIs) openAPIOfOthers() ([]byte, error) {
	var doc map[string]any
	if err := l.get("/openapi/v2", "application/json", &doc); err != nil {
		return nil, err
	}
	paths, _ := doc["paths"].(map[string]any)
	maps.DeleteFunc(paths, func(path string, _ any) bool {
		return strings.HasPrefix(path, "/apis/"+apiregistrationv1.GroupName+"/") || path == "/apis/"
	})
	return json.Marshal(doc)
}

// discovery is what the local APIs, which share it with the aggregator in a kube-apiserver, put into
// aggregated discovery, with the priorities that a kube-apiserver has in a table.
func (l *localAPIs) discovery(local []apiregistrationv1.APIService) (aggregated.ResourceManager, error) {
	var list apidiscoveryv2.APIGroupDiscoveryList
	if err := l.get("/apis", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", &list); err != nil {
		return nil, err
	}
	all := aggregated.NewResourceManager("apis")
	builtin := all.WithSource(aggregated.BuiltinSource)
	for _, group := range list.Items {
		for _, v := range group.Versions {
			builtin.AddGroupVersion(group.Name, v)
		}
	}
	for i := range local {
		s := &local[i].Spec
		if s.Group != "" {
			builtin.SetGroupVersionPriority(metav1.GroupVersion{Group: s.Group, Version: s.Version}, int(s.GroupPriorityMinimum), int(s.VersionPriority))
		}
	}
	return all, nil
}

// get asks the local APIs without a connection.
func (l *localAPIs) get(path, accept string, into any) error {
	req := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody)
	req.Header.Set("Accept", accept)
	info := &request.RequestInfo{Path: path, Verb: "get"}
	w := httptest.NewRecorder()
	l.server.Handler().ServeHTTP(w, req.WithContext(request.WithRequestInfo(req.Context(), info)))
	if w.Code != http.StatusOK {
		return fmt.Errorf("the local APIs answer %s with %d %s", path, w.Code, w.Body)
	}
	return json.Unmarshal(w.Body.Bytes(), into)
}

// registrationCodec keeps APIServices as v1.
func registrationCodec(schema.GroupResource) (runtime.Codec, runtime.GroupVersioner, error) {
	gv := apiregistrationv1.SchemeGroupVersion
	return aggregatorscheme.Codecs.LegacyCodec(gv), gv, nil
}

// accountTokens are those of kagg: the paths that they add to the API are the same then.
func accountTokens(state *pki.State) (*serviceaccount.Tokens, error) {
	key, err := keyutil.PrivateKeyFromFile(state.ServiceAccountKey)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a %T cannot sign", state.ServiceAccountKey, key)
	}
	return serviceaccount.New(serviceaccount.Config{SigningKey: signer, Issuers: []string{"https://kubernetes.default.svc.cluster.local"}})
}

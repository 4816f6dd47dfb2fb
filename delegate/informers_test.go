package delegate_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	apiextensionsscheme "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/scheme"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/scheme"

	"github.com/kagg-project/kagg/delegate"
)

// listen serves s on a port, behind as little of a chain as it needs, and calls seen for each request.
func listen(t *testing.T, s *delegate.Server, seen func(*http.Request)) *rest.Config {
	t.Helper()
	api := s.Handler()
	h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen(r)
		u := &user.DefaultInfo{Name: "u", Groups: []string{user.SystemPrivilegedGroup}}
		api.ServeHTTP(w, r.WithContext(request.WithUser(r.Context(), u)))
	}))
	h = filters.WithRequestInfo(h, genericapiserver.NewRequestInfoResolver(&genericapiserver.Config{
		LegacyAPIGroupPrefixes: sets.NewString(genericapiserver.DefaultLegacyAPIPrefix),
	}))
	h = filters.WithRequestReceivedTimestamp(h)
	h = filters.WithAuditInit(h)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL, QPS: -1}
}

// TestInformersOfEveryKind does what the informers of a custom apiserver do at its start, with streamed
// lists and without, in both encodings.
func TestInformersOfEveryKind(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	var mu sync.Mutex
	lists := sets.New[string]()
	config := listen(t, s, func(r *http.Request) {
		if r.URL.Query().Get("watch") == "" {
			mu.Lock()
			defer mu.Unlock()
			accept, _, _ := strings.Cut(r.Header.Get("Accept"), ",")
			lists.Insert(accept + " " + r.URL.Path)
		}
	})
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientscheme.AddToScheme, aggregatorscheme.AddToScheme, apiextensionsscheme.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	codecs := serializer.NewCodecFactory(scheme).WithoutConversion()
	for _, encoding := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf} {
		for _, k := range s.Kinds() {
			if !slices.Contains(k.Verbs, "watch") {
				continue
			}
			t.Run(encoding+"/"+k.GroupVersion().String()+"/"+k.Resource, func(t *testing.T) {
				t.Parallel()
				own := rest.CopyConfig(config)
				own.GroupVersion, own.APIPath, own.NegotiatedSerializer = new(k.GroupVersion()), "/apis", codecs
				if k.Group == "" {
					own.APIPath = "/api"
				}
				own.ContentType = encoding
				client, err := rest.RESTClientFor(own)
				if err != nil {
					t.Fatal(err)
				}
				example, err := scheme.New(k.GroupVersionKind)
				if err != nil {
					t.Fatal(err)
				}
				lw := cache.NewListWatchFromClient(client, k.Resource, metav1.NamespaceAll, fields.Everything())
				objects, controller := cache.NewInformerWithOptions(cache.InformerOptions{
					ListerWatcher: lw, ObjectType: example, Handler: cache.ResourceEventHandlerFuncs{},
				})
				go controller.RunWithContext(t.Context())
				<-controller.HasSyncedChecker().Done()
				mu.Lock()
				if lists.Has(encoding + " " + pathOf(k)) {
					t.Error("the informer had to list: the streamed list did not end")
				}
				mu.Unlock()
				list, err := lw.ListWithContext(t.Context(), metav1.ListOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if got := meta.LenList(list); got != len(objects.ListKeys()) {
					t.Errorf("the list has %d objects, the informer %d", got, len(objects.ListKeys()))
				}
			})
		}
	}
}

func pathOf(k delegate.Kind) string {
	if k.Group == "" {
		return "/api/v1/" + k.Resource
	}
	return "/apis/" + k.GroupVersion().String() + "/" + k.Resource
}

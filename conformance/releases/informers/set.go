package informers

import (
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	typed "k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// The encodings that informers can ask for.
const (
	JSON     = "json"
	Protobuf = "protobuf"
	CBOR     = "cbor"
)

const protobufType = "application/vnd.kubernetes.protobuf"

// informer is one informer of one client.
type informer struct {
	name     string // "typed json pods.v1", to name it in a difference
	resource string
	shared   cache.SharedIndexInformer
}

// add makes the informers of an encoding on all resources: those of the clients
// that speak it. A typed client exists only for the kinds that its release knows,
// and is never asked for others.
func add(out []informer, config *rest.Config, encoding string, resources []schema.GroupVersionResource, t *traffic) ([]informer, error) {
	config = rest.CopyConfig(config)
	only := ""
	switch encoding {
	case JSON:
		config.ContentType, config.AcceptContentTypes, only = "application/json", "application/json", "application/json"
	case Protobuf:
		config.ContentType, config.AcceptContentTypes = protobufType, protobufType+",application/json"
	case CBOR:
		// Left to the client, whose feature gates prefer it.
		config.ContentType, config.AcceptContentTypes = "", ""
	default:
		return nil, fmt.Errorf("encoding %q: use %s, %s or %s", encoding, JSON, Protobuf, CBOR)
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return t.wrap(next, only) })
	typedClient, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	factory := typed.NewSharedInformerFactory(typedClient, 0)
	for _, r := range resources {
		if generic, err := factory.ForResource(r); err == nil {
			out = append(out, informer{"typed " + encoding + " " + Name(r), Name(r), generic.Informer()})
		}
	}
	if encoding != CBOR { // The metadata client never asks for it.
		client, err := metadata.NewForConfig(config)
		if err != nil {
			return nil, err
		}
		factory := metadatainformer.NewSharedInformerFactory(client, 0)
		for _, r := range resources {
			out = append(out, informer{"metadata " + encoding + " " + Name(r), Name(r), factory.ForResource(r).Informer()})
		}
	}
	if encoding != Protobuf { // What the dynamic client cannot read.
		client, err := dynamic.NewForConfig(config)
		if err != nil {
			return nil, err
		}
		factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
		for _, r := range resources {
			out = append(out, informer{"dynamic " + encoding + " " + Name(r), Name(r), factory.ForResource(r).Informer()})
		}
	}
	return out, nil
}

// state is what the informer's store holds: the resourceVersion of each key.
func (i *informer) state() (map[string]string, error) {
	objects := i.shared.GetStore().List()
	out := make(map[string]string, len(objects))
	for _, obj := range objects {
		key, err := cache.MetaNamespaceKeyFunc(obj)
		if err != nil {
			return nil, err
		}
		accessor, err := meta.Accessor(obj)
		if err != nil {
			return nil, err
		}
		out[key] = accessor.GetResourceVersion()
	}
	return out, nil
}

package delegate

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
)

// connectStore is the REST storage of a subresource behind which a cluster has a kubelet or a container.
// Here is none: it says so.
type connectStore struct {
	of      *store
	options runtime.Object
	path    bool // what follows in the URL belongs to the request
	methods []string
	// refuse says what is not there for an object that is.
	refuse func(obj runtime.Object) error
}

var _ rest.Connecter = &connectStore{}

// New implements rest.Storage.
func (s *connectStore) New() runtime.Object { return newLike(s.options) }

// Destroy implements rest.Storage; the main resource owns the data.
func (*connectStore) Destroy() {}

// NewConnectOptions implements rest.Connecter.
func (s *connectStore) NewConnectOptions() (runtime.Object, bool, string) {
	path := ""
	if s.path {
		path = "path"
	}
	return newLike(s.options), s.path, path
}

// ConnectMethods implements rest.Connecter.
func (s *connectStore) ConnectMethods() []string { return s.methods }

// Connect never connects: 404 for what does not exist, else what is not there.
func (s *connectStore) Connect(ctx context.Context, name string, _ runtime.Object, _ rest.Responder) (http.Handler, error) {
	if s.path {
		// A proxied name may say scheme and port too, as in https:web:8443.
		_, plain, _, valid := utilnet.SplitSchemeNamePort(name)
		if !valid {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("invalid %s request %q", s.of.GetSingularName(), name))
		}
		name = plain
	}
	obj, err := s.of.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return nil, s.refuse(obj)
}

// logStore is pods/log, which is read and not connected to.
type logStore struct{ of *store }

var (
	_ rest.GetterWithOptions = logStore{}
	_ rest.StorageMetadata   = logStore{}
)

// New implements rest.Storage.
func (s logStore) New() runtime.Object { return s.of.New() }

// Destroy implements rest.Storage; the main resource owns the data.
func (logStore) Destroy() {}

// ProducesMIMETypes implements rest.StorageMetadata.
func (logStore) ProducesMIMETypes(string) []string { return []string{"text/plain"} }

// ProducesObject implements rest.StorageMetadata.
func (logStore) ProducesObject(string) any { return "" }

// NewGetOptions implements rest.GetterWithOptions.
func (logStore) NewGetOptions() (runtime.Object, bool, string) {
	return &corev1.PodLogOptions{}, false, ""
}

// Get answers that nothing has been logged, because nothing runs.
func (s logStore) Get(ctx context.Context, name string, _ runtime.Object) (runtime.Object, error) {
	obj, err := s.of.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return nil, podRefusal(obj)
}

func podRefusal(obj runtime.Object) error {
	return apierrors.NewBadRequest(fmt.Sprintf(
		"pod %s is not running: kagg keeps pods as objects, and nothing runs them", metaOf(obj).GetName()))
}

func serviceRefusal(obj runtime.Object) error {
	return apierrors.NewServiceUnavailable(fmt.Sprintf(
		"no endpoints available for service %q: kagg keeps services as objects, and has no network of pods to reach them in", metaOf(obj).GetName()))
}

func nodeRefusal(obj runtime.Object) error {
	return apierrors.NewServiceUnavailable(fmt.Sprintf(
		"node %s cannot be reached: kagg keeps nodes as objects, and no kubelet runs on them", metaOf(obj).GetName()))
}

// connectOptions are what the connect subresources and pods/log are asked with.
var connectOptions = []runtime.Object{
	&corev1.PodAttachOptions{}, &corev1.PodExecOptions{}, &corev1.PodPortForwardOptions{}, &corev1.PodProxyOptions{},
	&corev1.PodLogOptions{}, &corev1.NodeProxyOptions{}, &corev1.ServiceProxyOptions{},
}

// addConnectOptions makes the options readable from a URL. Nothing is read: nobody would look at it.
func addConnectOptions(s *runtime.Scheme) {
	addInternal(s, corev1.GroupName, connectOptions...)
	for _, options := range connectOptions {
		utilruntime.Must(s.AddConversionFunc((*url.Values)(nil), options, func(any, any, conversion.Scope) error { return nil }))
	}
}

// connections lays out the subresources of the core group that end at a kubelet or a container.
func (s *Server) connections(core map[string]rest.Storage) {
	pods, services, nodes := s.core("pods"), s.core("services"), s.core("nodes")
	streams := []string{http.MethodGet, http.MethodPost}
	proxied := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	core["pods/log"] = logStore{pods}
	core["pods/attach"] = &connectStore{of: pods, options: &corev1.PodAttachOptions{}, methods: streams, refuse: podRefusal}
	core["pods/exec"] = &connectStore{of: pods, options: &corev1.PodExecOptions{}, methods: streams, refuse: podRefusal}
	core["pods/portforward"] = &connectStore{of: pods, options: &corev1.PodPortForwardOptions{}, methods: streams, refuse: podRefusal}
	core["pods/proxy"] = &connectStore{of: pods, options: &corev1.PodProxyOptions{}, path: true, methods: proxied, refuse: podRefusal}
	core["services/proxy"] = &connectStore{of: services, options: &corev1.ServiceProxyOptions{}, path: true, methods: proxied, refuse: serviceRefusal}
	core["nodes/proxy"] = &connectStore{of: nodes, options: &corev1.NodeProxyOptions{}, path: true, methods: proxied, refuse: nodeRefusal}
}

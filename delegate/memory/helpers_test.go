package memory

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/example"
	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"
)

func exampleCodec(tb testing.TB) runtime.Codec {
	tb.Helper()
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion)
	for _, add := range []func(*runtime.Scheme) error{example.AddToScheme, examplev1.AddToScheme} {
		if err := add(scheme); err != nil {
			tb.Fatal(err)
		}
	}
	return serializer.NewCodecFactory(scheme).LegacyCodec(examplev1.SchemeGroupVersion)
}

func newPod() runtime.Object { return &example.Pod{} }

func newTestBackend(tb testing.TB, o Options) *Backend {
	tb.Helper()
	b := NewBackend(o)
	tb.Cleanup(b.Close)
	return b
}

// newPodStore returns a storage of example pods under "/pods".
func newPodStore(tb testing.TB, b *Backend) *store {
	tb.Helper()
	s, err := b.newStore(exampleCodec(tb), "/pods", schema.GroupResource{Resource: "pods"}, newPod)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

package delegate_test

import (
	"runtime"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/client-go/kubernetes"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/memory"
)

// newServer returns a started server on storage of its own.
func newServer(t testing.TB, change func(*delegate.Config)) *delegate.Server {
	t.Helper()
	backend := memory.NewBackend(memory.Options{ShareEncoding: true}) // as kagg has it
	t.Cleanup(backend.Close)
	cfg := delegate.Config{
		RESTOptionsGetter: backend.RESTOptionsGetter(delegate.StorageCodec),
		Authorizer:        authorizerfactory.NewAlwaysAllowAuthorizer(),
		Version:           &kversion.Info{Major: "1", Minor: "37", GitVersion: "v1.37.2-kagg"},
		AuthenticationConfig: func() map[string]string {
			return map[string]string{"client-ca-file": "ca", "requestheader-allowed-names": `["front-proxy-client"]`}
		},
	}
	if change != nil {
		change(&cfg)
	}
	s, err := delegate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func clientset(t *testing.T, s *delegate.Server) *kubernetes.Clientset {
	t.Helper()
	c, err := kubernetes.NewForConfig(s.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestStartIsFast logs the costs; a bound would fail on a busy machine.
func TestStartIsFast(t *testing.T) { //nolint:paralleltest // measures
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	s := newServer(t, nil)
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("New and Start took %v and keep %d KiB", took, (int64(after.HeapAlloc)-int64(before.HeapAlloc))/1024)
	c := clientset(t, s)
	for i := range 2 {
		start = time.Now()
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "c-"}}
		if _, err := c.CoreV1().ConfigMaps("default").Create(t.Context(), m, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Logf("write %d took %v", i+1, time.Since(start))
	}
	for _, path := range []string{"/openapi/v2", "/openapi/v3", "/openapi/v2"} {
		start = time.Now()
		get(t, s, path, "application/json")
		t.Logf("%s took %v", path, time.Since(start))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("with OpenAPI it keeps %d KiB", (int64(after.HeapAlloc)-int64(before.HeapAlloc))/1024)
}

package delegate_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kversion "k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/client-go/kubernetes"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/memory"
)

// newServer returns a started server on storage of its own.
func newServer(t *testing.T, change func(*delegate.Config)) *delegate.Server {
	t.Helper()
	backend := memory.NewBackend(memory.Options{})
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

func TestStartIsFast(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	s := newServer(t, nil)
	took := time.Since(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("New and Start took %v, %d KiB live", took, (int64(after.HeapAlloc)-int64(before.HeapAlloc))/1024)
	c := clientset(t, s)
	start = time.Now()
	list, err := c.CoreV1().Namespaces().List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("list %d took %v", len(list.Items), time.Since(start))
	for _, k := range s.Kinds() {
		t.Log(k)
	}
}

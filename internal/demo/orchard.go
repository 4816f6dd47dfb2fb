package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kagg-project/kagg/delegate/memory"
	"github.com/kagg-project/kagg/internal/demo/orchard"
)

// awaitInterval is the time between two looks whether kagg is there. kagg makes
// the kubeconfig and starts to serve while the demo starts, so it is short.
const awaitInterval = 10 * time.Millisecond

// serveOrchard assembles the orchard as soon as kagg is there and serves until ctx
// ends.
func serveOrchard(ctx context.Context, listener net.Listener, c certificate, kubeconfig string) error {
	if err := awaitKagg(ctx, kubeconfig); err != nil {
		return errors.Join(err, listener.Close())
	}
	if ctx.Err() != nil {
		return listener.Close()
	}
	backend := memory.NewBackend(memory.Options{})
	defer backend.Close()
	server, err := orchard.New(ctx, orchard.Config{
		Listener:   listener,
		CertFile:   c.certFile,
		KeyFile:    c.keyFile,
		Kubeconfig: kubeconfig,
		Storage: func(codec runtime.Codec, version runtime.GroupVersioner) generic.RESTOptionsGetter {
			return backend.RESTOptionsGetter(func(schema.GroupResource) (runtime.Codec, runtime.GroupVersioner, error) {
				return codec, version, nil
			})
		},
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	return server.PrepareRun().RunWithContext(ctx)
}

// awaitKagg returns when the authentication ConfigMap can be read, which is the
// first thing that a custom apiserver asks for, or when ctx ends. It reads the
// kubeconfig anew each time: one from an earlier run names a port where nobody
// listens until kagg has written it again. The error is not nil only for a
// kubeconfig that no waiting mends.
func awaitKagg(ctx context.Context, kubeconfig string) error {
	if kubeconfig == "" {
		return errors.New("no kubeconfig to reach kagg with: set Options.Kubeconfig to its apiserver.kubeconfig")
	}
	_ = wait.PollUntilContextCancel(ctx, awaitInterval, true, func(ctx context.Context) (bool, error) {
		return readAuthentication(ctx, kubeconfig) == nil, nil
	})
	return nil
}

func readAuthentication(ctx context.Context, kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("cannot read the kubeconfig %s: %w", kubeconfig, err)
	}
	config.Timeout = time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("cannot use the kubeconfig %s: %w", kubeconfig, err)
	}
	_, err = client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "extension-apiserver-authentication", metav1.GetOptions{})
	return err
}

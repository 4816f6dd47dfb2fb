// Command apiserver is the sample-apiserver of Kubernetes 1.27, as released: an
// apiserver on k8s.io/apiserver v0.27 with its default admission and flow control.
package main

import (
	"os"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"
	"k8s.io/sample-apiserver/pkg/cmd/server"
)

func main() {
	options := server.NewWardleServerOptions(os.Stdout, os.Stderr)
	os.Exit(cli.Run(server.NewCommandStartWardleServer(options, genericapiserver.SetupSignalHandler())))
}

// Command apiserver serves the kinds of the sample-apiserver with k8s.io/apiserver
// v0.30: the recommended options with their flags, default admission and flow
// control, on etcd.
package main

import (
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/component-base/cli"
	"k8s.io/sample-apiserver/pkg/apis/wardle/v1alpha1"
	"k8s.io/sample-apiserver/pkg/apiserver"
	generatedopenapi "k8s.io/sample-apiserver/pkg/generated/openapi"
)

func main() { os.Exit(cli.Run(newCommand())) }

func newCommand() *cobra.Command {
	options := genericoptions.NewRecommendedOptions("/registry/wardle.example.com", apiserver.Codecs.LegacyCodec(v1alpha1.SchemeGroupVersion))
	cmd := &cobra.Command{
		Use:           "apiserver",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(*cobra.Command, []string) error { return run(options, genericapiserver.SetupSignalHandler()) },
	}
	options.AddFlags(cmd.Flags())
	return cmd
}

func run(options *genericoptions.RecommendedOptions, stop <-chan struct{}) error {
	if errs := options.Validate(); len(errs) > 0 {
		return fmt.Errorf("the flags: %v", errs)
	}
	if err := options.SecureServing.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{net.IPv4(127, 0, 0, 1)}); err != nil {
		return fmt.Errorf("making a serving certificate: %w", err)
	}
	config := genericapiserver.NewRecommendedConfig(apiserver.Codecs)
	namer := openapi.NewDefinitionNamer(apiserver.Scheme)
	config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(generatedopenapi.GetOpenAPIDefinitions, namer)
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(generatedopenapi.GetOpenAPIDefinitions, namer)
	if err := options.ApplyTo(config); err != nil {
		return fmt.Errorf("applying the flags: %w", err)
	}
	server, err := (&apiserver.Config{GenericConfig: config}).Complete().New()
	if err != nil {
		return fmt.Errorf("building the server: %w", err)
	}
	// The informers of the configuration are started by one of the library's own
	// post-start hooks.
	return server.GenericAPIServer.PrepareRun().Run(stop)
}

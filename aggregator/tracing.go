package aggregator

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/component-base/tracing"
)

// newTracer reads the configuration and makes what spans go through; nil when
// there is no file. It connects to the collector only when there are spans, and
// is to be shut down. Errors name the flag, the file and the field.
func newTracer(file string) (tracing.TracerProvider, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // no tracing is no error
	}
	c := server.Config{APIServerID: "kagg-" + uuid.NewString()}
	o := options.TracingOptions{ConfigFile: file}
	if err := o.ApplyTo(nil, &c); err != nil {
		return nil, fmt.Errorf("--tracing-config-file %s: %w", file, err)
	}
	return c.TracerProvider, nil
}

// traceBackends makes a request to a backend a span of its own that the backend
// can continue: the traceparent header. Nil for no tracing. As the
// kube-aggregator does (pkg/apiserver/handler_proxy.go).
func traceBackends(tracer tracing.TracerProvider) func(http.RoundTripper) http.RoundTripper {
	if tracer == nil {
		return nil
	}
	return tracing.WrapperFor(tracer)
}

// tracingPatience is how long a stop waits for a collector to take the last spans.
const tracingPatience = time.Second

func shutdownTracer(tracer tracing.TracerProvider) error {
	if tracer == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), tracingPatience)
	defer cancel()
	if err := tracer.Shutdown(ctx); err != nil {
		return fmt.Errorf("the last spans are lost: %w", err)
	}
	return nil
}

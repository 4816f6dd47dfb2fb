// Command adapter is a custom metrics adapter that is built on
// custom-metrics-apiserver, with that library's flags. Its metrics never change.
package main

import (
	"context"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/metrics/pkg/apis/custom_metrics"
	"k8s.io/metrics/pkg/apis/external_metrics"
	basecmd "sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
)

// metrics are the metrics of the adapter: each Pod has seven requests, and the
// queue of each namespace is forty-two long.
type metrics struct{}

func (metrics) info() provider.CustomMetricInfo {
	return provider.CustomMetricInfo{GroupResource: schema.GroupResource{Resource: "pods"}, Namespaced: true, Metric: "requests"}
}

func (metrics) GetMetricByName(_ context.Context, name types.NamespacedName, info provider.CustomMetricInfo, _ labels.Selector) (*custom_metrics.MetricValue, error) {
	return &custom_metrics.MetricValue{
		DescribedObject: custom_metrics.ObjectReference{Kind: "Pod", Namespace: name.Namespace, Name: name.Name, APIVersion: "v1"},
		Metric:          custom_metrics.MetricIdentifier{Name: info.Metric},
		Timestamp:       metav1.Now(),
		Value:           *resource.NewQuantity(7, resource.DecimalSI),
	}, nil
}

func (metrics) GetMetricBySelector(context.Context, string, labels.Selector, provider.CustomMetricInfo, labels.Selector) (*custom_metrics.MetricValueList, error) {
	return &custom_metrics.MetricValueList{}, nil
}

func (m metrics) ListAllMetrics() []provider.CustomMetricInfo {
	return []provider.CustomMetricInfo{m.info()}
}

func (metrics) GetExternalMetric(_ context.Context, _ string, _ labels.Selector, info provider.ExternalMetricInfo) (*external_metrics.ExternalMetricValueList, error) {
	return &external_metrics.ExternalMetricValueList{Items: []external_metrics.ExternalMetricValue{{
		MetricName: info.Metric, Timestamp: metav1.Now(), Value: *resource.NewQuantity(42, resource.DecimalSI),
	}}}, nil
}

func (metrics) ListAllExternalMetrics() []provider.ExternalMetricInfo {
	return []provider.ExternalMetricInfo{{Metric: "queue"}}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "adapter:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	adapter := &basecmd.AdapterBase{Name: "adapter"}
	if err := adapter.Flags().Parse(args); err != nil {
		return err
	}
	// What an adapter uses to find the objects that it has metrics of.
	if _, err := adapter.RESTMapper(); err != nil {
		return fmt.Errorf("discovering what is served: %w", err)
	}
	adapter.WithCustomMetrics(metrics{})
	adapter.WithExternalMetrics(metrics{})
	return adapter.Run(genericapiserver.SetupSignalContext())
}

package conformance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/openapi3"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

var (
	configMaps  = corev1.SchemeGroupVersion.WithResource("configmaps")
	deployments = appsv1.SchemeGroupVersion.WithResource("deployments")
)

// TestClientGo uses each client of client-go against one kagg.
func TestClientGo(t *testing.T) {
	t.Parallel()
	config, err := clientcmd.BuildConfigFromFlags("", harness.StartKagg(t).Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	clients := kubernetes.NewForConfigOrDie(config)
	for name, test := range map[string]func(*testing.T, *rest.Config, *kubernetes.Clientset, string){
		"discovery": testDiscovery,
		"mapper":    testMapper,
		"openapi":   testOpenAPI3,
		"dynamic":   testDynamic,
		"metadata":  testMetadata,
		"scale":     testScale,
		"cache":     testCache,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := clients.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			test(t, config, clients, name)
		})
	}
}

// testDiscovery wants the two forms of discovery to say the same.
func testDiscovery(t *testing.T, config *rest.Config, _ *kubernetes.Clientset, _ string) {
	describe := func(legacy bool) (groups, resources, preferred []string) {
		client := discovery.NewDiscoveryClientForConfigOrDie(config)
		client.UseLegacyDiscovery = legacy
		groupList, lists, err := client.ServerGroupsAndResources()
		if err != nil {
			t.Fatalf("legacy %t: %v", legacy, err)
		}
		for _, group := range groupList {
			groups = append(groups, group.Name+" "+group.PreferredVersion.GroupVersion)
		}
		resources = resourceNames(lists)
		if lists, err = client.ServerPreferredResources(); err != nil {
			t.Fatalf("legacy %t: %v", legacy, err)
		}
		return groups, resources, resourceNames(lists)
	}
	groups, resources, preferred := describe(false)
	legacyGroups, legacyResources, legacyPreferred := describe(true)
	for _, pair := range []struct {
		what      string
		got, want []string
	}{{"groups", legacyGroups, groups}, {"resources", legacyResources, resources}, {"preferred resources", legacyPreferred, preferred}} {
		if len(pair.got) == 0 || !slices.Equal(pair.got, pair.want) {
			t.Errorf("%s differ:\nlegacy     %q\naggregated %q", pair.what, pair.got, pair.want)
		}
	}
	if groups[0] != " v1" || groups[1] != "apiregistration.k8s.io apiregistration.k8s.io/v1" {
		t.Errorf("the first groups are %q", groups[:2])
	}
	for _, want := range []string{"apps/v1 deployments/scale", "v1 pods/eviction", "autoscaling/v1 horizontalpodautoscalers"} {
		if !slices.Contains(resources, want) {
			t.Errorf("%s is not among the resources", want)
		}
	}
	if slices.Contains(preferred, "autoscaling/v1 horizontalpodautoscalers") || !slices.Contains(preferred, "autoscaling/v2 horizontalpodautoscalers") {
		t.Error("autoscaling/v2 is not preferred to v1")
	}
}

func resourceNames(lists []*metav1.APIResourceList) []string {
	var names []string
	for _, list := range lists {
		for i := range list.APIResources {
			names = append(names, list.GroupVersion+" "+list.APIResources[i].Name)
		}
	}
	slices.Sort(names)
	return names
}

func testMapper(t *testing.T, _ *rest.Config, clients *kubernetes.Clientset, _ string) {
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(clients.Discovery()))
	short := restmapper.NewShortcutExpander(mapper, clients.Discovery(), nil)
	for resource, want := range map[string]schema.GroupVersionKind{
		"deployments": appsv1.SchemeGroupVersion.WithKind("Deployment"),
		"deploy":      appsv1.SchemeGroupVersion.WithKind("Deployment"),
		"events":      corev1.SchemeGroupVersion.WithKind("Event"),
		"hpa":         {Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"},
	} {
		if got, err := short.KindFor(schema.GroupVersionResource{Resource: resource}); err != nil || got != want {
			t.Errorf("%s is %v, %v; want %v", resource, got, err, want)
		}
	}
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"})
	if err != nil || mapping.Scope.Name() != "root" || mapping.Resource.Resource != "clusterroles" {
		t.Errorf("ClusterRole maps to %+v, %v", mapping, err)
	}
}

func testOpenAPI3(t *testing.T, _ *rest.Config, clients *kubernetes.Clientset, _ string) {
	root := openapi3.NewRoot(clients.Discovery().OpenAPIV3())
	versions, err := root.GroupVersions()
	if err != nil || !slices.Contains(versions, appsv1.SchemeGroupVersion) {
		t.Fatalf("the group versions are %v, %v", versions, err)
	}
	spec, err := root.GVSpec(appsv1.SchemeGroupVersion)
	if err != nil {
		t.Fatal(err)
	}
	if spec.Components.Schemas["io.k8s.api.apps.v1.DeploymentSpec"] == nil || spec.Paths.Paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"] == nil {
		t.Errorf("the document of apps/v1 has the schemas %q", slices.Sorted(maps.Keys(spec.Components.Schemas)))
	}
}

func testDynamic(t *testing.T, config *rest.Config, _ *kubernetes.Clientset, namespace string) {
	client := dynamic.NewForConfigOrDie(config).Resource(configMaps).Namespace(namespace)
	object := func(colour string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "settings"}, "data": map[string]any{"colour": colour},
		}}
	}
	made, err := client.Create(t.Context(), object("green"), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	watch, err := client.Watch(t.Context(), metav1.ListOptions{ResourceVersion: made.GetResourceVersion(), FieldSelector: "metadata.name=settings"})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	applied, err := client.Apply(t.Context(), "settings", object("red"), metav1.ApplyOptions{FieldManager: "test", Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Delete(t.Context(), "settings", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for len(seen) < 2 {
		select {
		case event, ok := <-watch.ResultChan():
			if !ok {
				t.Fatalf("the watch ended after %q", seen)
			}
			seen = append(seen, string(event.Type))
		case <-time.After(30 * time.Second):
			t.Fatalf("events within 30s: %q", seen)
		}
	}
	colour, _, err := unstructured.NestedString(applied.Object, "data", "colour")
	if colour != "red" || err != nil || !slices.Equal(seen, []string{"MODIFIED", "DELETED"}) {
		t.Errorf("applied %q, %v; events %q", colour, err, seen)
	}
}

func testMetadata(t *testing.T, config *rest.Config, clients *kubernetes.Clientset, namespace string) {
	createDeployment(t, clients, namespace)
	client := metadata.NewForConfigOrDie(config).Resource(deployments).Namespace(namespace)
	list, err := client.List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 || list.Items[0].Name != "web" || list.Items[0].Labels["app"] != "web" {
		t.Fatalf("the metadata of deployments: %+v, %v", list, err)
	}
	got, err := client.Patch(t.Context(), "web", types.MergePatchType, []byte(`{"metadata":{"labels":{"tier":"front"}}}`), metav1.PatchOptions{})
	if err != nil || got.Labels["tier"] != "front" {
		t.Errorf("the patched metadata: %+v, %v", got, err)
	}
}

func createDeployment(t *testing.T, clients *kubernetes.Clientset, namespace string) {
	t.Helper()
	web := map[string]string{"app": "web"}
	_, err := clients.AppsV1().Deployments(namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: web},
		Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: web}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: web}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "registry.example.com/web:1"}}},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func testScale(t *testing.T, config *rest.Config, clients *kubernetes.Clientset, namespace string) {
	createDeployment(t, clients, namespace)
	cached := memory.NewMemCacheClient(clients.Discovery())
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	client, err := scale.NewForConfig(config, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(cached))
	if err != nil {
		t.Fatal(err)
	}
	scales := client.Scales(namespace)
	got, err := scales.Get(t.Context(), deployments.GroupResource(), "web", metav1.GetOptions{})
	if err != nil || got.Spec.Replicas != 1 || got.Status.Selector != "app=web" {
		t.Fatalf("the scale is %+v, %v", got, err)
	}
	got.Spec.Replicas = 3
	if _, err := scales.Update(t.Context(), deployments.GroupResource(), got, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	typed, err := clients.AppsV1().Deployments(namespace).GetScale(t.Context(), "web", metav1.GetOptions{})
	if want := (autoscalingv1.ScaleSpec{Replicas: 3}); err != nil || typed.Spec != want {
		t.Errorf("after the update the scale is %+v, %v", typed, err)
	}
}

// testCache reads from informers of three kinds, typed, dynamic and of metadata, as
// controllers do, and wants them to see a change.
func testCache(t *testing.T, config *rest.Config, clients *kubernetes.Clientset, namespace string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	typed := informers.NewSharedInformerFactoryWithOptions(clients, 0, informers.WithNamespace(namespace))
	dynamics := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamic.NewForConfigOrDie(config), 0, namespace, nil)
	metadatas := metadatainformer.NewFilteredSharedInformerFactory(metadata.NewForConfigOrDie(config), 0, namespace, nil)
	lister := typed.Core().V1().ConfigMaps().Lister().ConfigMaps(namespace)
	indexers := map[string]cache.Indexer{
		"typed":    typed.Core().V1().ConfigMaps().Informer().GetIndexer(),
		"dynamic":  dynamics.ForResource(configMaps).Informer().GetIndexer(),
		"metadata": metadatas.ForResource(configMaps).Informer().GetIndexer(),
	}
	typed.Start(ctx.Done())
	dynamics.Start(ctx.Done())
	metadatas.Start(ctx.Done())
	typed.WaitForCacheSync(ctx.Done())
	dynamics.WaitForCacheSync(ctx.Done())
	metadatas.WaitForCacheSync(ctx.Done())

	made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "late", Labels: map[string]string{"is": "late"}}}
	if _, err := clients.CoreV1().ConfigMaps(namespace).Create(ctx, made, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, harness.Patience, "the caches have the ConfigMap", func(context.Context) error {
		var missing []string
		for name, indexer := range indexers {
			if _, found, err := indexer.GetByKey(namespace + "/late"); err != nil || !found {
				missing = append(missing, fmt.Sprintf("%s (%v)", name, err))
			}
		}
		found, err := lister.List(labels.SelectorFromSet(made.Labels))
		if err != nil || len(found) != 1 {
			missing = append(missing, "the lister")
		}
		if missing != nil {
			return errors.New("it is missing in " + strings.Join(missing, ", "))
		}
		return nil
	})
}

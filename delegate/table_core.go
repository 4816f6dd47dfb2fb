package delegate

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apiserver/pkg/registry/rest"
)

func coreRows() []row {
	gv := corev1.SchemeGroupVersion
	rows := []row{
		{
			gv: gv, object: &corev1.ConfigMap{}, list: &corev1.ConfigMapList{}, resource: "configmaps",
			short: []string{"cm"}, validate: checking(validateConfigMap),
			columns: []column{
				text("Data", of(func(c *corev1.ConfigMap) any { return int64(len(c.Data) + len(c.BinaryData)) })),
			},
		},
		{
			gv: gv, object: &corev1.Secret{}, list: &corev1.SecretList{}, resource: "secrets",
			defaults: defaulting(defaultSecret), prepare: pair(prepareSecret), validate: checking(validateSecret),
			selectors: []selector{{"type", of(func(s *corev1.Secret) string { return string(s.Type) })}},
			columns: []column{
				text("Type", of(func(s *corev1.Secret) any { return string(s.Type) })),
				text("Data", of(func(s *corev1.Secret) any { return int64(len(s.Data)) })),
			},
		},
		{
			gv: gv, object: &corev1.Namespace{}, list: &corev1.NamespaceList{}, resource: "namespaces",
			cluster: true, short: []string{"ns"}, status: true, name: apivalidation.ValidateNamespaceName,
			defaults: defaulting(defaultNamespace), prepare: pair(prepareNamespace),
			validateStatus: checking(validateNamespaceStatus),
			selectors: []selector{
				{"status.phase", of(func(n *corev1.Namespace) string { return string(n.Status.Phase) })},
				{"name", of(func(n *corev1.Namespace) string { return n.Name })},
			},
			columns: []column{text("Status", of(func(n *corev1.Namespace) any { return string(n.Status.Phase) }))},
		},
		{
			gv: gv, object: &corev1.Service{}, list: &corev1.ServiceList{}, resource: "services",
			short: []string{"svc"}, categories: all, status: true, name: dnsLabel, createOnUpdate: true,
			defaults: defaulting(defaultService), validate: checking(validateService),
			selectors: []selector{
				{"spec.clusterIP", of(func(s *corev1.Service) string { return s.Spec.ClusterIP })},
				{"spec.type", of(func(s *corev1.Service) string { return string(s.Spec.Type) })},
			},
			columns: serviceColumns(),
		},
		{
			gv: gv, object: &corev1.Endpoints{}, list: &corev1.EndpointsList{}, resource: "endpoints", //nolint:staticcheck // served as long as upstream does
			singular: "endpoints", short: []string{"ep"}, createOnUpdate: true,
			defaults: defaulting(defaultEndpoints), validate: checking(validateEndpoints),
			columns: []column{text("Endpoints", of(endpointsText))},
		},
	}
	return slices.Concat(rows, coreActorRows(), coreRareRows())
}

// coreActorRows are what runs in a cluster, and what it says.
func coreActorRows() []row {
	gv := corev1.SchemeGroupVersion
	return []row{
		{
			gv: gv, object: &corev1.Event{}, list: &corev1.EventList{}, resource: "events",
			short: []string{"ev"}, createOnUpdate: true, dependents: rest.Unsupported, selectors: eventSelectors, columns: eventColumns(),
			validate: checking(validateEvent),
		},
		{
			gv: gv, object: &corev1.Node{}, list: &corev1.NodeList{}, resource: "nodes",
			cluster: true, short: []string{"no"}, status: true, born: true,
			selectors: []selector{{"spec.unschedulable", of(func(n *corev1.Node) string { return strconv.FormatBool(n.Spec.Unschedulable) })}},
			columns:   nodeColumns(),
		},
		{
			gv: gv, object: &corev1.Pod{}, list: &corev1.PodList{}, resource: "pods",
			short: []string{"po"}, categories: all, status: true, generation: true,
			defaults: defaulting(defaultPod), prepare: pair(preparePod), prepareStatus: pair(preparePodStatus),
			grace: podGrace, parts: podParts(), validate: checking(validatePod),
			selectors: podSelectors(), columns: podColumns(),
		},
		{
			gv: gv, object: &corev1.ServiceAccount{}, list: &corev1.ServiceAccountList{}, resource: "serviceaccounts",
			short: []string{"sa"}, prepare: pair(prepareServiceAccount),
		},
	}
}

// eventSelectors serve both v1 and events.k8s.io/v1.
var eventSelectors = []selector{
	{"involvedObject.kind", of(func(e *corev1.Event) string { return e.InvolvedObject.Kind })},
	{"involvedObject.namespace", of(func(e *corev1.Event) string { return e.InvolvedObject.Namespace })},
	{"involvedObject.name", of(func(e *corev1.Event) string { return e.InvolvedObject.Name })},
	{"involvedObject.uid", of(func(e *corev1.Event) string { return string(e.InvolvedObject.UID) })},
	{"involvedObject.apiVersion", of(func(e *corev1.Event) string { return e.InvolvedObject.APIVersion })},
	{"involvedObject.resourceVersion", of(func(e *corev1.Event) string { return e.InvolvedObject.ResourceVersion })},
	{"involvedObject.fieldPath", of(func(e *corev1.Event) string { return e.InvolvedObject.FieldPath })},
	{"reason", of(func(e *corev1.Event) string { return e.Reason })},
	{"reportingComponent", of(func(e *corev1.Event) string { return e.ReportingController })},
	{"source", of(eventSource)},
	{"type", of(func(e *corev1.Event) string { return e.Type })},
}

func eventSource(e *corev1.Event) string {
	if e.Source.Component != "" {
		return e.Source.Component
	}
	return e.ReportingController
}

func podSelectors() []selector {
	return []selector{
		{"spec.nodeName", of(func(p *corev1.Pod) string { return p.Spec.NodeName })},
		{"spec.restartPolicy", of(func(p *corev1.Pod) string { return string(p.Spec.RestartPolicy) })},
		{"spec.schedulerName", of(func(p *corev1.Pod) string { return p.Spec.SchedulerName })},
		{"spec.serviceAccountName", of(func(p *corev1.Pod) string { return p.Spec.ServiceAccountName })},
		{"spec.hostNetwork", of(func(p *corev1.Pod) string { return strconv.FormatBool(p.Spec.HostNetwork) })},
		{"status.phase", of(func(p *corev1.Pod) string { return string(p.Status.Phase) })},
		{"status.podIP", of(func(p *corev1.Pod) string { return p.Status.PodIP })},
		{"status.podIPs", of(func(p *corev1.Pod) string { return p.Status.PodIP })},
		{"status.nominatedNodeName", of(func(p *corev1.Pod) string { return p.Status.NominatedNodeName })},
	}
}

// joinSome writes the first three and how many more there are, as a kube-apiserver's columns do.
func joinSome(items []string) string {
	const most = 3
	switch {
	case len(items) == 0:
		return "<none>"
	case len(items) > most:
		return strings.Join(items[:most], ",") + " + " + strconv.Itoa(len(items)-most) + " more..."
	default:
		return strings.Join(items, ",")
	}
}

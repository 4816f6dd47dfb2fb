package delegate_test

import (
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func TestValidateLikeAKubeAPIServer(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil))
	none := admissionregistrationv1.SideEffectClassNone
	good := admissionregistrationv1.MutatingWebhook{
		Name: "a.example.com", SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
		ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "n", Name: "s"}},
		Rules: []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{"CREATE"},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}},
	}
	bad := good
	bad.SideEffects, bad.TimeoutSeconds = nil, new(int32(31))
	bad.ClientConfig.Service = nil
	bad.Rules = []admissionregistrationv1.RuleWithOperations{{Operations: []admissionregistrationv1.OperationType{"*", "EAT"}}}
	tests := []struct {
		name   string
		create func() error
		want   string
	}{
		{"good webhook", func() error { return createMutating(t, c, "good", good) }, ""},
		{"bad webhook", func() error { return createMutating(t, c, "bad", good, bad) }, `MutatingWebhookConfiguration.admissionregistration.k8s.io "bad" is invalid: [` + strings.Join([]string{
			`webhooks[1].rules[0].operations: Invalid value: ["*","EAT"]: if '*' is present, must not specify other operations`,
			`webhooks[1].rules[0].operations[1]: Unsupported value: "EAT": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"`,
			`webhooks[1].rules[0].apiGroups: Required value`, `webhooks[1].rules[0].apiVersions: Required value`, `webhooks[1].rules[0].resources: Required value`,
			`webhooks[1].sideEffects: Required value: must specify one of None, NoneOnDryRun`,
			`webhooks[1].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds`,
			`webhooks[1].clientConfig: Required value: exactly one of url or service is required`,
			`webhooks[1].name: Duplicate value: "a.example.com"`,
		}, ", ") + "]"},
		{"empty validating webhook", func() error {
			_, err := c.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(), &admissionregistrationv1.ValidatingWebhookConfiguration{
				ObjectMeta: object("v"), Webhooks: []admissionregistrationv1.ValidatingWebhook{{Name: "a", SideEffects: &none}},
			}, metav1.CreateOptions{})
			return err
		}, `ValidatingWebhookConfiguration.admissionregistration.k8s.io "v" is invalid: [` +
			`webhooks[0].name: Invalid value: "a": should be a domain with at least three segments separated by dots, ` +
			`webhooks[0].clientConfig: Required value: exactly one of url or service is required, ` +
			`webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1]`},
		{"finalizer", func() error {
			_, err := c.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "f", Finalizers: []string{"orphan", "mine"}}}, metav1.CreateOptions{})
			return err
		}, `Namespace "f" is invalid: metadata.finalizers[1]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified`},
		{"namespace phase", func() error {
			_, err := c.CoreV1().Namespaces().UpdateStatus(t.Context(), &corev1.Namespace{
				ObjectMeta: object("default"), Status: corev1.NamespaceStatus{Phase: corev1.NamespaceTerminating},
			}, metav1.UpdateOptions{})
			return err
		}, "Namespace \"default\" is invalid: status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"},
		{"event elsewhere", func() error {
			_, err := c.CoreV1().Events("default").Create(t.Context(), &corev1.Event{
				ObjectMeta: object("e"), InvolvedObject: corev1.ObjectReference{Namespace: "kube-system"},
			}, metav1.CreateOptions{})
			return err
		}, `Event "e" is invalid: involvedObject.namespace: Invalid value: "kube-system": does not match event.namespace`},
		{"event of a node", func() error {
			_, err := c.CoreV1().Events("default").Create(t.Context(), &corev1.Event{ObjectMeta: object("e")}, metav1.CreateOptions{})
			return err
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := tt.create(); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func createMutating(t *testing.T, c *kubernetes.Clientset, name string, hooks ...admissionregistrationv1.MutatingWebhook) error {
	t.Helper()
	_, err := c.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(t.Context(),
		&admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: object(name), Webhooks: hooks}, metav1.CreateOptions{})
	return err
}

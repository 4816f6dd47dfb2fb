package delegate_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

// eventually asks until there is no error.
func (a *accounts) eventually(what string, check func(ctx context.Context) error) {
	a.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(a.t.Context(), 2*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		a.t.Fatalf("%s: %v", what, last)
	}
}

func TestNamespaceGetsItsOwn(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	if _, err := a.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: object("n")}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, ns := range []string{"default", "kube-system", "kube-public", "kube-node-lease", "n"} {
		// At once, with no waiting.
		if _, err := a.CoreV1().ServiceAccounts(ns).Get(t.Context(), "default", metav1.GetOptions{}); err != nil {
			t.Error(ns, err)
		}
		m, err := a.CoreV1().ConfigMaps(ns).Get(t.Context(), "kube-root-ca.crt", metav1.GetOptions{})
		if err != nil {
			t.Fatal(ns, err)
		}
		if d := cmp.Diff(map[string]string{"ca.crt": "root CA"}, m.Data); d != "" || m.Annotations["kubernetes.io/description"] == "" {
			t.Errorf("%s: %v %s", ns, m, d)
		}
	}
	if _, err := a.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: object("dry")}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.CoreV1().ServiceAccounts("dry").Get(t.Context(), "default", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a dry run made a ServiceAccount: %v", err)
	}
}

func TestNamespaceGetsItsOwnAgain(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	sas, maps := a.CoreV1().ServiceAccounts("default"), a.CoreV1().ConfigMaps("default")
	old, err := sas.Get(t.Context(), "default", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sas.Delete(t.Context(), "default", metav1.DeleteOptions{}), maps.Delete(t.Context(), "kube-root-ca.crt", metav1.DeleteOptions{})); err != nil {
		t.Fatal(err)
	}
	a.eventually("the ServiceAccount is made again", func(ctx context.Context) error {
		again, err := sas.Get(ctx, "default", metav1.GetOptions{})
		if err == nil && again.UID == old.UID {
			err = errors.New("it is the old one")
		}
		return err
	})
	a.eventually("the ConfigMap is made again", func(ctx context.Context) error {
		_, err := maps.Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err
	})
	if _, err := maps.Patch(t.Context(), "kube-root-ca.crt", types.MergePatchType, []byte(`{"data":{"ca.crt":"forged","more":"x"}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	a.eventually("the ConfigMap is mended", func(ctx context.Context) error {
		m, err := maps.Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		if d := cmp.Diff(map[string]string{"ca.crt": "root CA"}, m.Data); d != "" {
			err = errors.New(d)
		}
		return err
	})
}

func TestDeletedNamespaceStaysEmpty(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	for i := range 20 {
		name := fmt.Sprintf("n%d", i)
		if _, err := a.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: object(name)}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := a.CoreV1().Namespaces().Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		a.eventually(name+" is gone", func(ctx context.Context) error {
			if _, err := a.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				return fmt.Errorf("it is there: %w", err)
			}
			return nil
		})
	}
	// Whatever is done about the deletions comes before what is done about this.
	if err := a.CoreV1().ConfigMaps("default").Delete(t.Context(), "kube-root-ca.crt", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	a.eventually("the controller has caught up", func(ctx context.Context) error {
		_, err := a.CoreV1().ConfigMaps("default").Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err
	})
	for i := range 20 {
		sas, err := a.CoreV1().ServiceAccounts(fmt.Sprintf("n%d", i)).List(t.Context(), metav1.ListOptions{})
		if err != nil || len(sas.Items) != 0 {
			t.Errorf("n%d has %v %v", i, sas.Items, err)
		}
	}
}

func tokenSecret(name, account string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Name: name, Annotations: map[string]string{corev1.ServiceAccountNameKey: account},
	}, Type: corev1.SecretTypeServiceAccountToken}
}

// filled creates a Secret for the ServiceAccount default and waits for its token.
func (a *accounts) filled(name string) *corev1.Secret {
	a.t.Helper()
	if _, err := a.CoreV1().Secrets("default").Create(a.t.Context(), tokenSecret(name, "default"), metav1.CreateOptions{}); err != nil {
		a.t.Fatal(err)
	}
	var secret *corev1.Secret
	a.eventually("the Secret has a token", func(ctx context.Context) (err error) {
		secret, err = a.CoreV1().Secrets("default").Get(ctx, name, metav1.GetOptions{})
		if err == nil && len(secret.Data["token"]) == 0 {
			err = errors.New("it has none")
		}
		return err
	})
	return secret
}

func TestSecretWithAToken(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	sa, err := a.CoreV1().ServiceAccounts("default").Get(t.Context(), "default", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	secret := a.filled("s")
	token := string(secret.Data["token"])
	if string(secret.Data["ca.crt"]) != "root CA" || string(secret.Data["namespace"]) != "default" ||
		secret.Annotations[corev1.ServiceAccountUIDKey] != string(sa.UID) {
		t.Errorf("the Secret is not what it should be: %v", secret)
	}
	if d := cmp.Diff(map[string]any{
		"iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:default:default",
		"kubernetes.io/serviceaccount/namespace":            "default",
		"kubernetes.io/serviceaccount/secret.name":          "s",
		"kubernetes.io/serviceaccount/service-account.name": "default",
		"kubernetes.io/serviceaccount/service-account.uid":  string(sa.UID),
	}, claimsOf(t, token)); d != "" {
		t.Error(d)
	}
	want := authenticationv1.TokenReviewStatus{Authenticated: true, Audiences: []string{apiAudience}, User: authenticationv1.UserInfo{
		Username: "system:serviceaccount:default:default", UID: string(sa.UID),
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"},
	}}
	today := func() string { return time.Now().UTC().Format(time.DateOnly) }
	days := []string{today()}
	if d := cmp.Diff(want, a.review(token)); d != "" {
		t.Error(d)
	}
	days = append(days, today()) // midnight may have been between
	secret, err = a.CoreV1().Secrets("default").Get(t.Context(), "s", metav1.GetOptions{})
	if err != nil || !slices.Contains(days, secret.Labels["kubernetes.io/legacy-token-last-used"]) {
		t.Errorf("the day of use is not on it: %v %v", secret.Labels, err)
	}
}

func TestSecretsTokenEnds(t *testing.T) {
	t.Parallel()
	patch := func(a *accounts, data string) error {
		_, err := a.CoreV1().Secrets("default").Patch(a.t.Context(), "s", types.MergePatchType, []byte(data), metav1.PatchOptions{})
		return err
	}
	for name, tt := range map[string]struct {
		end  func(a *accounts) error
		want string
	}{
		"with the Secret": {func(a *accounts) error {
			return a.CoreV1().Secrets("default").Delete(a.t.Context(), "s", metav1.DeleteOptions{})
		}, "Token has been invalidated"},
		"when it is replaced": {func(a *accounts) error { return patch(a, `{"data":{"token":"eA=="}}`) }, "Token does not match server's copy"},
		"when it is said to be invalid": {func(a *accounts) error {
			return patch(a, `{"metadata":{"labels":{"kubernetes.io/legacy-token-invalid-since":"2026-01-01"}}}`)
		}, "the token in secret default/s for service account default/default has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the 'kubernetes.io/legacy-token-invalid-since' label from the secret to temporarily allow use of this token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAccounts(t, nil)
			token := string(a.filled("s").Data["token"])
			if got := a.review(token); !got.Authenticated {
				t.Fatalf("a new token is no good: %v", got)
			}
			if err := tt.end(a); err != nil {
				t.Fatal(err)
			}
			a.wantRefused(token, tt.want)
		})
	}
}

func TestSecretsGoWithTheirServiceAccount(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	gone := func(name string) {
		t.Helper()
		a.eventually("the Secret "+name+" is gone", func(ctx context.Context) error {
			if _, err := a.CoreV1().Secrets("default").Get(ctx, name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				return fmt.Errorf("it is there: %w", err)
			}
			return nil
		})
	}
	if _, err := a.CoreV1().Secrets("default").Create(t.Context(), tokenSecret("orphan", "nobody"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	gone("orphan")
	a.filled("s")
	if err := a.CoreV1().ServiceAccounts("default").Delete(t.Context(), "default", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	gone("s")
	_, err := a.CoreV1().Secrets("default").Create(t.Context(), tokenSecret("t", ""), metav1.CreateOptions{})
	if want := `Secret "t" is invalid: metadata.annotations[kubernetes.io/service-account.name]: Required value`; errorText(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestServiceAccountForgetsADeletedSecret(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	a.filled("s")
	sas := a.CoreV1().ServiceAccounts("default")
	sa, err := sas.Patch(t.Context(), "default", types.MergePatchType, []byte(`{"secrets":[{"kind":"Secret","name":"s"},{"name":"kept"}]}`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]corev1.ObjectReference{{Name: "s"}, {Name: "kept"}}, sa.Secrets); d != "" {
		t.Error(d)
	}
	if err := a.CoreV1().Secrets("default").Delete(t.Context(), "s", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	a.eventually("the reference is gone", func(ctx context.Context) error {
		sa, err := sas.Get(ctx, "default", metav1.GetOptions{})
		if d := cmp.Diff([]corev1.ObjectReference{{Name: "kept"}}, sa.Secrets); d != "" {
			err = errors.New(d)
		}
		return err
	})
}

func TestPodsRunAsAServiceAccount(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	if _, err := a.CoreV1().ServiceAccounts("default").Patch(t.Context(), "default", types.MergePatchType,
		[]byte(`{"imagePullSecrets":[{"name":"pull"}]}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: object("p"), Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
	got, err := a.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{})
	if err != nil || got.Spec.ServiceAccountName != "default" || got.Spec.DeprecatedServiceAccount != "default" ||
		len(got.Spec.ImagePullSecrets) != 1 || got.Spec.ImagePullSecrets[0].Name != "pull" {
		t.Errorf("got %v %v", got, err)
	}
	pod.Name, pod.Spec.ServiceAccountName = "q", "nobody"
	_, err = a.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{})
	if want := `pods "q" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found`; errorText(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestUnknownIssuersTokenIsNobodys(t *testing.T) {
	t.Parallel()
	a := newAccounts(t, nil)
	other := newAccounts(t, nil)
	// The issuer is right, the key is not.
	a.wantRefused(other.token(authenticationv1.TokenRequestSpec{}), "invalid signature, no keys found")
	a.wantRefused("x.y.z", "invalid bearer token")
}

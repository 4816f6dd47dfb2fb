package serviceaccount

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// syncSecret fills a Secret with its ServiceAccount's token, deletes one whose ServiceAccount is not there,
// and takes one that is gone out of its ServiceAccount's list. Upstream:
// pkg/controller/serviceaccount/tokens_controller.go.
func (c *Controller) syncSecret(ctx context.Context, t task) error {
	sa, err := c.account(ctx, t.namespace, t.account, t.accountUID)
	if err != nil {
		return err
	}
	secret, err := get[corev1.Secret](ctx, c.objects.Secrets, "secrets", t.namespace, t.name)
	switch {
	case apierrors.IsNotFound(err) || err == nil && secret.UID != t.uid:
		if sa == nil {
			return nil
		}
		return c.dropReference(ctx, sa, t.name)
	case err != nil:
		return err
	case sa == nil:
		return remove(ctx, c.objects.Secrets, "secrets", secret)
	}
	return c.fillSecret(ctx, sa, secret)
}

// account returns the ServiceAccount, or nil when it, or that of the UID, is not there.
func (c *Controller) account(ctx context.Context, namespace, name string, uid types.UID) (*corev1.ServiceAccount, error) {
	sa, err := get[corev1.ServiceAccount](ctx, c.objects.ServiceAccounts, "serviceaccounts", namespace, name)
	if apierrors.IsNotFound(err) || err == nil && uid != "" && sa.UID != uid {
		return nil, nil // there is none, and nothing is wrong
	}
	return sa, err
}

func (c *Controller) fillSecret(ctx context.Context, sa *corev1.ServiceAccount, secret *corev1.Secret) error {
	if c.filled(secret) {
		return nil
	}
	public, private := newLegacyClaims(sa, secret)
	token, err := c.tokens.sign(LegacyIssuer, public, private)
	if err != nil {
		return err
	}
	err = update(ctx, c.objects.Secrets, "secrets", &secret.ObjectMeta, func(s *corev1.Secret) {
		if s.Annotations == nil {
			s.Annotations = map[string]string{}
		}
		if s.Data == nil {
			s.Data = map[string][]byte{}
		}
		if ca := c.rootCA(s.Data[corev1.ServiceAccountRootCAKey]); len(ca) > 0 {
			s.Data[corev1.ServiceAccountRootCAKey] = ca
		}
		if len(s.Data[corev1.ServiceAccountNamespaceKey]) == 0 {
			s.Data[corev1.ServiceAccountNamespaceKey] = []byte(s.Namespace)
		}
		if len(s.Data[corev1.ServiceAccountTokenKey]) == 0 {
			s.Data[corev1.ServiceAccountTokenKey] = []byte(token)
		}
		s.Annotations[corev1.ServiceAccountNameKey] = sa.Name
		s.Annotations[corev1.ServiceAccountUIDKey] = string(sa.UID)
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // an event tells of what happened to it
	}
	if err != nil {
		return fmt.Errorf("filling Secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	return nil
}

func (c *Controller) filled(s *corev1.Secret) bool {
	ca := c.rootCA(s.Data[corev1.ServiceAccountRootCAKey])
	return (len(ca) == 0 || bytes.Equal(s.Data[corev1.ServiceAccountRootCAKey], ca)) &&
		len(s.Data[corev1.ServiceAccountNamespaceKey]) > 0 && len(s.Data[corev1.ServiceAccountTokenKey]) > 0
}

func (c *Controller) dropReference(ctx context.Context, sa *corev1.ServiceAccount, secret string) error {
	refers := func(ref corev1.ObjectReference) bool { return ref.Name == secret }
	if !slices.ContainsFunc(sa.Secrets, refers) {
		return nil
	}
	err := update(ctx, c.objects.ServiceAccounts, "serviceaccounts", &sa.ObjectMeta, func(now *corev1.ServiceAccount) {
		now.Secrets = slices.DeleteFunc(now.Secrets, refers)
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// dropSecrets deletes the tokens of a ServiceAccount that is gone.
func (c *Controller) dropSecrets(ctx context.Context, t task) error {
	if sa, err := c.account(ctx, t.namespace, t.name, t.uid); sa != nil || err != nil || c.tokens == nil {
		return err
	}
	list, err := c.objects.Secrets.List(request.WithNamespace(ctx, t.namespace), &metainternalversion.ListOptions{FieldSelector: tokenSecrets})
	if err != nil {
		return err
	}
	gone := &corev1.ServiceAccount{}
	gone.Name, gone.UID = t.name, t.uid
	var errs []error
	err = eachOf(list, func(s *corev1.Secret) {
		if serviceaccount.IsServiceAccountToken(s, gone) {
			errs = append(errs, remove(ctx, c.objects.Secrets, "secrets", s))
		}
	})
	return errors.Join(append(errs, err)...)
}

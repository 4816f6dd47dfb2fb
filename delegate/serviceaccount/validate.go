package serviceaccount

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	authenticationjwt "k8s.io/apiserver/pkg/authentication/token/jwt"
)

// errInvalidated is upstream's text for a token whose bound object is gone.
var errInvalidated = errors.New("service account token has been invalidated")

// validateBound says whose a requested token is, with upstream's texts for why it is nobody's
// (pkg/serviceaccount/claims.go, Validate).
func (t *Tokens) validateBound(ctx context.Context, _ string, v *verified) (*serviceaccount.ServiceAccountInfo, error) {
	now := t.config.Now()
	if err := inTime(&v.public, now); err != nil {
		return nil, err
	}
	o := t.objects.Load()
	said := &v.bound.Kubernetes
	// What was deleted longer ago than clocks may differ counts as gone, whatever keeps it.
	gone := func(m *metav1.ObjectMeta) bool {
		return m.DeletionTimestamp != nil && m.DeletionTimestamp.Time.Before(now.Add(-jwt.DefaultLeeway))
	}
	sa, err := getFast[corev1.ServiceAccount](ctx, o.ServiceAccounts, "serviceaccounts", said.Namespace, said.ServiceAccount.Name)
	if err != nil {
		return nil, err
	}
	if string(sa.UID) != said.ServiceAccount.UID {
		return nil, fmt.Errorf("service account UID (%s) does not match claim (%s)", sa.UID, said.ServiceAccount.UID)
	}
	if gone(&sa.ObjectMeta) {
		return nil, fmt.Errorf("service account %s/%s has been deleted", said.Namespace, said.ServiceAccount.Name)
	}
	for _, b := range []struct {
		name string
		ref  *reference
		find func(name string) (*metav1.ObjectMeta, error)
	}{
		{"secret", said.Secret, func(name string) (*metav1.ObjectMeta, error) {
			s, err := getFast[corev1.Secret](ctx, o.Secrets, "secrets", said.Namespace, name)
			return metaOf(s, err)
		}},
		{"pod", said.Pod, func(name string) (*metav1.ObjectMeta, error) {
			p, err := getFast[corev1.Pod](ctx, o.Pods, "pods", said.Namespace, name)
			return metaOf(p, err)
		}},
		{"node", nodeToCheck(said), func(name string) (*metav1.ObjectMeta, error) {
			n, err := getFast[corev1.Node](ctx, o.Nodes, "nodes", metav1.NamespaceNone, name)
			return metaOf(n, err)
		}},
	} {
		if b.ref == nil {
			continue
		}
		if err := checkReference(b.name, b.ref, b.find, gone); err != nil {
			return nil, err
		}
	}
	if w := said.WarnAfter; w != nil && *w != 0 && now.After(w.Time()) {
		audit.AddAuditAnnotation(ctx, "authentication.k8s.io/stale-token",
			fmt.Sprintf("subject: %s, seconds after warning threshold: %d", v.public.Subject, now.Unix()-w.Time().Unix()))
	}
	return said.info(v.public.ID), nil
}

// inTime checks the registered claims about time, with the usual minute of leeway.
func inTime(public *jwt.Claims, now time.Time) error {
	err := public.Validate(jwt.Expected{Time: now})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrExpired):
		return errors.New("service account token has expired")
	case errors.Is(err, jwt.ErrNotValidYet):
		return errors.New("service account token is not valid yet")
	case errors.Is(err, jwt.ErrIssuedInTheFuture):
		return errors.New("service account token is issued in the future")
	default:
		return fmt.Errorf("service account token claims could not be validated: %w", err)
	}
}

// nodeToCheck is the node that a token lives and dies with: that of a pod's token is only said.
func nodeToCheck(said *kubernetesClaims) *reference {
	if said.Pod != nil {
		return nil
	}
	return said.Node
}

func metaOf(obj metav1.ObjectMetaAccessor, err error) (*metav1.ObjectMeta, error) {
	if err != nil {
		return nil, err
	}
	m, ok := obj.GetObjectMeta().(*metav1.ObjectMeta)
	if !ok {
		return nil, fmt.Errorf("the metadata of a %T is not what it should be", obj)
	}
	return m, nil
}

func checkReference(name string, ref *reference, find func(string) (*metav1.ObjectMeta, error), gone func(*metav1.ObjectMeta) bool) error {
	m, err := find(ref.Name)
	if err != nil {
		return errInvalidated // upstream's text, which does not tell what exists
	}
	if ref.UID != string(m.UID) {
		return fmt.Errorf("%s UID (%s) does not match service account %s ref claim (%s)", name, m.UID, name, ref.UID)
	}
	if gone(m) {
		return errInvalidated
	}
	return nil
}

// info is who the claims are about.
func (c *kubernetesClaims) info(id string) *serviceaccount.ServiceAccountInfo {
	out := &serviceaccount.ServiceAccountInfo{
		Namespace: c.Namespace, Name: c.ServiceAccount.Name, UID: c.ServiceAccount.UID,
		CredentialID: authenticationjwt.CredentialIDForJTI(id),
	}
	if c.Pod != nil {
		out.PodName, out.PodUID = c.Pod.Name, c.Pod.UID
	}
	if c.Node != nil {
		out.NodeName, out.NodeUID = c.Node.Name, c.Node.UID
	}
	return out
}

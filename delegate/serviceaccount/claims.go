package serviceaccount

import (
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
)

// LegacyIssuer is the issuer of the tokens in Secrets.
const LegacyIssuer = "kubernetes/serviceaccount"

// boundClaims are what a requested token says beyond the registered claims
// (pkg/serviceaccount/claims.go).
type boundClaims struct {
	Kubernetes kubernetesClaims `json:"kubernetes.io,omitzero"`
}

type kubernetesClaims struct {
	Namespace      string           `json:"namespace,omitempty"`
	ServiceAccount reference        `json:"serviceaccount,omitzero"`
	Pod            *reference       `json:"pod,omitempty"`
	Secret         *reference       `json:"secret,omitempty"`
	Node           *reference       `json:"node,omitempty"`
	WarnAfter      *jwt.NumericDate `json:"warnafter,omitempty"`
}

type reference struct {
	Name string `json:"name,omitempty"`
	UID  string `json:"uid,omitempty"`
}

// referTo is nil for a nil object.
func referTo(m *metav1.ObjectMeta) *reference {
	if m == nil {
		return nil
	}
	return &reference{Name: m.Name, UID: string(m.UID)}
}

// legacyClaims are what a token in a Secret says (pkg/serviceaccount/legacy.go).
type legacyClaims struct {
	ServiceAccountName string `json:"kubernetes.io/serviceaccount/service-account.name"`
	ServiceAccountUID  string `json:"kubernetes.io/serviceaccount/service-account.uid"`
	SecretName         string `json:"kubernetes.io/serviceaccount/secret.name"`
	Namespace          string `json:"kubernetes.io/serviceaccount/namespace"`
}

// binding is what a requested token is bound to: to nothing, to a secret, to a node, or to a pod and,
// where it has one, its node.
type binding struct{ pod, secret, node *metav1.ObjectMeta }

// lifetime says when a token ends. warnAfter 0 means never.
type lifetime struct{ expires, warnAfter time.Duration }

func newBoundClaims(sa *corev1.ServiceAccount, to binding, life lifetime, audiences []string, now time.Time) (jwt.Claims, boundClaims) {
	public := jwt.Claims{
		Subject:   serviceaccount.MakeUsername(sa.Namespace, sa.Name),
		Audience:  audiences,
		IssuedAt:  jwt.NewNumericDate(now),
		NotBefore: jwt.NewNumericDate(now),
		Expiry:    jwt.NewNumericDate(now.Add(life.expires)),
		ID:        uuid.NewString(),
	}
	private := boundClaims{Kubernetes: kubernetesClaims{
		Namespace:      sa.Namespace,
		ServiceAccount: *referTo(&sa.ObjectMeta),
		Pod:            referTo(to.pod),
		Secret:         referTo(to.secret),
		Node:           referTo(to.node),
	}}
	if life.warnAfter != 0 {
		private.Kubernetes.WarnAfter = jwt.NewNumericDate(now.Add(life.warnAfter))
	}
	return public, private
}

func newLegacyClaims(sa *corev1.ServiceAccount, secret *corev1.Secret) (jwt.Claims, legacyClaims) {
	return jwt.Claims{Subject: serviceaccount.MakeUsername(sa.Namespace, sa.Name)}, legacyClaims{
		Namespace:          sa.Namespace,
		ServiceAccountName: sa.Name,
		ServiceAccountUID:  string(sa.UID),
		SecretName:         secret.Name,
	}
}

package delegate

import (
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

func certificateRows() []row {
	gv := certificatesv1.SchemeGroupVersion
	return []row{
		certificateRow(),
		{
			gv: gv, object: &certificatesv1.ClusterTrustBundle{}, list: &certificatesv1.ClusterTrustBundleList{}, resource: "clustertrustbundles",
			cluster: true, preconditioned: true, name: trustBundleName, validate: checking(validateTrustBundle), ageless: true,
			selectors: []selector{{"spec.signerName", of(func(b *certificatesv1.ClusterTrustBundle) string { return b.Spec.SignerName })}},
			columns: []column{
				text("SignerName", of(func(b *certificatesv1.ClusterTrustBundle) any { return or(b.Spec.SignerName, none) })),
			},
		},
		{
			gv: gv, object: &certificatesv1.PodCertificateRequest{}, list: &certificatesv1.PodCertificateRequestList{}, resource: "podcertificaterequests",
			status: true, preconditioned: true, ageless: true,
			validate: checking(func(r, old *certificatesv1.PodCertificateRequest) field.ErrorList {
				if old == nil {
					return nil
				}
				return unchanged(field.NewPath("spec"), r.Spec, old.Spec)
			}),
			selectors: []selector{
				{"spec.signerName", of(func(r *certificatesv1.PodCertificateRequest) string { return r.Spec.SignerName })},
				{"spec.podName", of(func(r *certificatesv1.PodCertificateRequest) string { return r.Spec.PodName })},
				{"spec.nodeName", of(func(r *certificatesv1.PodCertificateRequest) string { return string(r.Spec.NodeName) })},
			},
			columns: []column{
				text("PodName", of(func(r *certificatesv1.PodCertificateRequest) any { return r.Spec.PodName })),
				text("ServiceAccountName", of(func(r *certificatesv1.PodCertificateRequest) any { return r.Spec.ServiceAccountName })),
				text("NodeName", of(func(r *certificatesv1.PodCertificateRequest) any { return string(r.Spec.NodeName) })),
				text("SignerName", of(func(r *certificatesv1.PodCertificateRequest) any { return r.Spec.SignerName })),
				text("State", of(func(r *certificatesv1.PodCertificateRequest) any {
					state := "Pending"
					for _, c := range r.Status.Conditions {
						switch c.Type {
						case certificatesv1.PodCertificateRequestConditionTypeIssued, certificatesv1.PodCertificateRequestConditionTypeDenied,
							certificatesv1.PodCertificateRequestConditionTypeFailed:
							state = c.Type
						}
					}
					return state
				})),
				wide("UnverifiedUserAnnotations", of(func(r *certificatesv1.PodCertificateRequest) any {
					return labels.FormatLabels(r.Spec.UnverifiedUserAnnotations)
				})),
			},
		},
	}
}

func certificateRow() row {
	return row{
		gv: certificatesv1.SchemeGroupVersion, object: &certificatesv1.CertificateSigningRequest{}, list: &certificatesv1.CertificateSigningRequestList{},
		resource: "certificatesigningrequests", cluster: true, short: []string{"csr"}, status: true,
		prepare: pair(prepareRequest), stamp: stampRequest, validate: checking(validateRequest),
		prepareStatus: pair(prepareRequestStatus), validateStatus: checking(validateRequestStatus),
		parts: []part{{
			name: "approval", prepare: pair(prepareApproval), validate: checking(validateApproval),
			reset: []fieldpath.Path{fieldpath.MakePathOrDie("spec"), fieldpath.MakePathOrDie("status", "certificate")},
		}},
		defaults: defaulting(func(c *certificatesv1.CertificateSigningRequest) {
			if c.Spec.Usages == nil {
				c.Spec.Usages = []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment}
			}
		}),
		selectors: []selector{{"spec.signerName", of(func(c *certificatesv1.CertificateSigningRequest) string { return c.Spec.SignerName })}},
		columns: []column{
			age(),
			text("SignerName", of(func(c *certificatesv1.CertificateSigningRequest) any { return or(c.Spec.SignerName, none) })),
			text("Requestor", of(func(c *certificatesv1.CertificateSigningRequest) any { return c.Spec.Username })),
			text("RequestedDuration", of(func(c *certificatesv1.CertificateSigningRequest) any {
				if c.Spec.ExpirationSeconds == nil {
					return none
				}
				return duration.HumanDuration(time.Duration(*c.Spec.ExpirationSeconds) * time.Second)
			})),
			text("Condition", of(func(c *certificatesv1.CertificateSigningRequest) any {
				var states []string
				for _, condition := range c.Status.Conditions {
					states = append(states, string(condition.Type))
				}
				if len(c.Status.Certificate) > 0 {
					states = append(states, "Issued")
				}
				return or(strings.Join(states, ","), "Pending")
			})),
		},
	}
}

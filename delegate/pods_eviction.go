package delegate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/dryrun"
	"k8s.io/client-go/util/retry"
)

// evictionStore is the REST storage of pods/eviction: it deletes a pod if the PodDisruptionBudget that
// selects it, as its status is, allows one more disruption. Upstream: pkg/registry/core/pod/storage/eviction.go.
type evictionStore struct {
	status       *statusStore
	store        *store
	budgets      *store
	budgetStatus *statusStore
}

var (
	_ rest.NamedCreater             = &evictionStore{}
	_ rest.GroupVersionKindProvider = &evictionStore{}
)

func newEvictionStore(pods, budgets *store) *evictionStore {
	return &evictionStore{store: pods, status: newStatusStore(pods), budgets: budgets, budgetStatus: newStatusStore(budgets)}
}

// New implements rest.Storage.
func (*evictionStore) New() runtime.Object { return &policyv1.Eviction{} }

// Destroy implements rest.Storage; the main resource owns the data.
func (*evictionStore) Destroy() {}

// GroupVersionKind implements rest.GroupVersionKindProvider.
func (*evictionStore) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return policyv1.SchemeGroupVersion.WithKind("Eviction")
}

// Create evicts the named pod.
func (s *evictionStore) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	eviction, ok := obj.(*policyv1.Eviction)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Eviction object: %T", obj))
	}
	if eviction.Name != name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	deletion, err := evictionOptions(eviction, options)
	if err != nil {
		return nil, err
	}
	if validate != nil {
		if err := validate(ctx, eviction.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	got, err := s.store.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	pod, ok := got.(*corev1.Pod)
	if !ok {
		return nil, fmt.Errorf("the pods storage holds a %T", got)
	}
	if !disrupted(pod) {
		if status, err := s.takeFromBudget(ctx, pod, deletion); err != nil || status != nil {
			return status, err
		}
	}
	if err := s.remove(ctx, name, deletion); err != nil {
		return nil, err
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

// evictionOptions joins the dry run of the request and that of the eviction.
func evictionOptions(e *policyv1.Eviction, options *metav1.CreateOptions) (*metav1.DeleteOptions, error) {
	if e.DeleteOptions == nil {
		return &metav1.DeleteOptions{DryRun: options.DryRun}, nil
	}
	out := e.DeleteOptions.DeepCopy()
	switch {
	case len(out.DryRun) == 0:
		out.DryRun = options.DryRun
	case len(options.DryRun) > 0 && !slices.Equal(out.DryRun, options.DryRun):
		return nil, fmt.Errorf("Non-matching dry-run options in request and content: %v and %v", options.DryRun, out.DryRun) //nolint:staticcheck // upstream's text
	}
	return out, nil
}

// disrupted tells whether nobody is worse off without the pod: no budget is asked.
func disrupted(p *corev1.Pod) bool {
	switch p.Status.Phase {
	case corev1.PodSucceeded, corev1.PodFailed, corev1.PodPending:
		return true
	case corev1.PodRunning, corev1.PodUnknown:
	}
	return p.DeletionTimestamp != nil
}

func ready(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// takeFromBudget counts the eviction in the pod's budget. A status is what a client gets instead of an
// eviction.
func (s *evictionStore) takeFromBudget(ctx context.Context, pod *corev1.Pod, deletion *metav1.DeleteOptions) (runtime.Object, error) {
	budgets, err := s.budgetsOf(ctx, pod)
	if err != nil || len(budgets) == 0 {
		return nil, err
	}
	if len(budgets) > 1 {
		return &metav1.Status{
			Status: metav1.StatusFailure, Code: 500,
			Message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
		}, nil
	}
	budget := budgets[0]
	if !ready(pod) {
		policy := budget.Spec.UnhealthyPodEvictionPolicy
		if policy != nil && *policy == policyv1.AlwaysAllow ||
			budget.Status.CurrentHealthy >= budget.Status.DesiredHealthy && budget.Status.DesiredHealthy > 0 {
			return nil, nil //nolint:nilnil // the eviction goes on
		}
	}
	return nil, retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		got, err := s.budgets.Get(ctx, budget.Name, &metav1.GetOptions{})
		if err != nil {
			return err
		}
		current, ok := got.DeepCopyObject().(*policyv1.PodDisruptionBudget)
		if !ok {
			return fmt.Errorf("the poddisruptionbudgets storage holds a %T", got)
		}
		if err := decrement(current, pod.Name); err != nil || dryrun.IsDryRun(deletion.DryRun) {
			return err
		}
		_, _, err = s.budgetStatus.Update(ctx, budget.Name, rest.DefaultUpdatedObjectInfo(current),
			rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
		return err
	})
}

func (s *evictionStore) budgetsOf(ctx context.Context, pod *corev1.Pod) ([]*policyv1.PodDisruptionBudget, error) {
	list, err := s.budgets.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		return nil, err
	}
	var out []*policyv1.PodDisruptionBudget
	err = meta.EachListItem(list, func(obj runtime.Object) error {
		b, ok := obj.(*policyv1.PodDisruptionBudget)
		if !ok || b.Namespace != pod.Namespace {
			return nil
		}
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err == nil && selector.Matches(labels.Set(pod.Labels)) {
			out = append(out, b)
		}
		return nil // one that cannot be read protects nothing, as upstream has it
	})
	return out, err
}

// decrement takes one disruption off a budget, or tells why it cannot.
func decrement(b *policyv1.PodDisruptionBudget, pod string) error {
	refused := func(err *apierrors.StatusError, format string, args ...any) error {
		err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
			Type: policyv1.DisruptionBudgetCause, Message: fmt.Sprintf(format, args...),
		})
		return err
	}
	const violates = "Cannot evict pod as it would violate the pod's disruption budget."
	switch {
	case b.Status.ObservedGeneration < b.Generation:
		return refused(apierrors.NewTooManyRequests(violates, 10), "The disruption budget %s is still being processed by the server.", b.Name)
	case b.Status.DisruptionsAllowed < 0:
		return refused(apierrors.NewForbidden(policyv1.Resource("poddisruptionbudget"), b.Name, errors.New("pdb disruptions allowed is negative")),
			"The disruption budget %s does not allow evicting pods currently: pdb disruptions allowed is negative", b.Name)
	case b.Status.DisruptionsAllowed == 0 && b.Status.CurrentHealthy <= b.Status.DesiredHealthy:
		return refused(apierrors.NewTooManyRequests(violates, 0), "The disruption budget %s needs %d healthy pods and has %d currently",
			b.Name, b.Status.DesiredHealthy, b.Status.CurrentHealthy)
	case b.Status.DisruptionsAllowed == 0:
		return refused(apierrors.NewTooManyRequests(violates, 0), "The disruption budget %s does not allow evicting pods currently", b.Name)
	}
	b.Status.DisruptionsAllowed--
	if b.Status.DisruptedPods == nil {
		b.Status.DisruptedPods = map[string]metav1.Time{}
	}
	b.Status.DisruptedPods[pod] = metav1.Now()
	return nil
}

// remove says on the pod why it goes, and deletes it.
func (s *evictionStore) remove(ctx context.Context, name string, options *metav1.DeleteOptions) error {
	if !dryrun.IsDryRun(options.DryRun) {
		info := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
			pod, ok := old.DeepCopyObject().(*corev1.Pod)
			if !ok {
				return nil, fmt.Errorf("the pods storage holds a %T", old)
			}
			if err := checkPreconditions(options.Preconditions, pod); err != nil {
				return nil, err
			}
			setPodCondition(&pod.Status, corev1.PodCondition{
				Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI", Message: "Eviction API: evicting",
			})
			return pod, nil
		})
		obj, _, err := s.status.Update(ctx, name, info, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
		if err != nil {
			return err
		}
		if p := options.Preconditions; p != nil && p.ResourceVersion != nil {
			options = options.DeepCopy()
			version := metaOf(obj).GetResourceVersion()
			options.Preconditions.ResourceVersion = &version
		}
	}
	_, _, err := s.store.Delete(ctx, name, rest.ValidateAllObjectFunc, options)
	return err
}

func checkPreconditions(want *metav1.Preconditions, pod *corev1.Pod) error {
	if want == nil {
		return nil
	}
	if want.UID != nil && *want.UID != pod.UID {
		return apierrors.NewConflict(corev1.Resource("pods"), pod.Name,
			fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", *want.UID, pod.UID))
	}
	if want.ResourceVersion != nil && *want.ResourceVersion != pod.ResourceVersion {
		return apierrors.NewConflict(corev1.Resource("pods"), pod.Name,
			fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). The object might have been modified",
				*want.ResourceVersion, pod.ResourceVersion))
	}
	return nil
}

// setPodCondition adds a condition or changes the one of its type.
func setPodCondition(s *corev1.PodStatus, c corev1.PodCondition) {
	c.LastTransitionTime = metav1.Now()
	i := slices.IndexFunc(s.Conditions, func(o corev1.PodCondition) bool { return o.Type == c.Type })
	if i < 0 {
		s.Conditions = append(s.Conditions, c)
		return
	}
	if s.Conditions[i].Status == c.Status {
		c.LastTransitionTime = s.Conditions[i].LastTransitionTime
	}
	s.Conditions[i] = c
}

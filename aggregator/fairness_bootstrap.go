package aggregator

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	bootstrap "k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	flowcontrolclient "k8s.io/client-go/kubernetes/typed/flowcontrol/v1"
	flowcontrollisters "k8s.io/client-go/listers/flowcontrol/v1"

	"github.com/kagg-project/kagg/delegate"
)

// flowProducer is the field manager of the bootstrap configuration.
const flowProducer = "api-priority-and-fairness-config-producer-v1"

// flowObject is a FlowSchema or a PriorityLevelConfiguration.
type flowObject interface {
	metav1.Object
	runtime.Object
}

// flowKind is how one of the two kinds is read and written.
type flowKind[T flowObject] struct {
	get    func(name string) (T, error)
	list   func(labels.Selector) ([]T, error)
	create func(context.Context, T, metav1.CreateOptions) (T, error)
	update func(context.Context, T, metav1.UpdateOptions) (T, error)
	remove func(context.Context, string, metav1.DeleteOptions) error
	// revised returns current with the spec of wanted, and whether that differs.
	revised func(current, wanted T) (T, bool)
	// mandatory and suggested are the bootstrap configuration.
	mandatory, suggested []T
}

// ensureFlowConfiguration makes the bootstrap configuration what it should be, as
// a kube-apiserver does (k8s.io/kubernetes pkg/registry/flowcontrol/ensurer):
// what is missing is created; a mandatory object that someone changed is put
// back; a suggested one is kept as changed; one of an earlier version that is
// neither any more is deleted unless someone changed it.
func ensureFlowConfiguration(ctx context.Context, client flowcontrolclient.FlowcontrolV1Interface,
	levels flowcontrollisters.PriorityLevelConfigurationLister, schemas flowcontrollisters.FlowSchemaLister,
) error {
	l, s := client.PriorityLevelConfigurations(), client.FlowSchemas()
	levelKind := flowKind[*flowcontrolv1.PriorityLevelConfiguration]{
		levels.Get, levels.List, l.Create, l.Update, l.Delete, revisedLevel,
		bootstrap.MandatoryPriorityLevelConfigurations, bootstrap.SuggestedPriorityLevelConfigurations,
	}
	schemaKind := flowKind[*flowcontrolv1.FlowSchema]{
		schemas.Get, schemas.List, s.Create, s.Update, s.Delete, revisedSchema,
		bootstrap.MandatoryFlowSchemas, bootstrap.SuggestedFlowSchemas,
	}
	// Levels before the schemas that name them; schemas go before their levels.
	for _, step := range []func() error{
		func() error { return levelKind.ensure(ctx, false) },
		func() error { return schemaKind.ensure(ctx, false) },
		func() error { return levelKind.ensure(ctx, true) },
		func() error { return schemaKind.ensure(ctx, true) },
		func() error { return schemaKind.prune(ctx) },
		func() error { return levelKind.prune(ctx) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// ensure creates or revises the mandatory or the suggested objects.
func (k *flowKind[T]) ensure(ctx context.Context, mandatory bool) error {
	wanted := k.suggested
	if mandatory {
		wanted = k.mandatory
	}
	for _, w := range wanted {
		current, err := k.get(w.GetName())
		switch {
		case apierrors.IsNotFound(err):
			_, err = k.create(ctx, deepCopy(w), metav1.CreateOptions{FieldManager: flowProducer})
			if apierrors.IsAlreadyExists(err) {
				err = nil // made a moment ago: the next round looks at it
			}
		case err == nil:
			if next, differs := k.revise(current, w, mandatory); differs {
				_, err = k.update(ctx, next, metav1.UpdateOptions{FieldManager: flowProducer})
			}
			if apierrors.IsConflict(err) {
				err = nil
			}
		}
		if err != nil {
			return fmt.Errorf("%T %q: %w", w, w.GetName(), err)
		}
	}
	return nil
}

// revise returns what current should be, and whether it differs.
func (k *flowKind[T]) revise(current, wanted T, mandatory bool) (T, bool) {
	automatic := mandatory || updatesItself(current)
	next, differs := deepCopy(current), false
	if automatic {
		next, differs = k.revised(current, wanted)
	}
	mark := next.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey]
	if is, err := strconv.ParseBool(mark); err == nil && is == automatic {
		return next, differs
	}
	annotations := next.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[flowcontrolv1.AutoUpdateAnnotationKey] = strconv.FormatBool(automatic)
	next.SetAnnotations(annotations)
	return next, true
}

// updatesItself tells whether a suggested object follows the suggestion: its
// annotation says so, or, without a good one, nobody has changed it yet.
func updatesItself(o metav1.Object) bool {
	if says, err := strconv.ParseBool(o.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey]); err == nil {
		return says
	}
	return o.GetGeneration() == 1
}

// prune deletes what follows a suggestion that is made no more.
func (k *flowKind[T]) prune(ctx context.Context) error {
	wanted := map[string]bool{}
	for _, w := range slices.Concat(k.mandatory, k.suggested) {
		wanted[w.GetName()] = true
	}
	all, err := k.list(labels.Everything())
	if err != nil {
		return err
	}
	for _, o := range all {
		follows, err := strconv.ParseBool(o.GetAnnotations()[flowcontrolv1.AutoUpdateAnnotationKey])
		if wanted[o.GetName()] || err != nil || !follows {
			continue
		}
		if err := k.remove(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("deleting %T %q: %w", o, o.GetName(), err)
		}
	}
	return nil
}

func revisedLevel(current, wanted *flowcontrolv1.PriorityLevelConfiguration) (*flowcontrolv1.PriorityLevelConfiguration, bool) {
	next, defaulted := current.DeepCopy(), wanted.DeepCopy()
	next.Spec = *wanted.Spec.DeepCopy()
	delegate.Scheme.Default(defaulted)
	// The exempt level's shares are the operator's to set.
	if exempt := current.Spec.Exempt; wanted.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt && exempt != nil {
		defaulted.Spec.Exempt.NominalConcurrencyShares = exempt.NominalConcurrencyShares
		defaulted.Spec.Exempt.LendablePercent = exempt.LendablePercent
	}
	if equality.Semantic.DeepEqual(defaulted.Spec, current.Spec) {
		return current.DeepCopy(), false
	}
	return next, true
}

func revisedSchema(current, wanted *flowcontrolv1.FlowSchema) (*flowcontrolv1.FlowSchema, bool) {
	next, defaulted := current.DeepCopy(), wanted.DeepCopy()
	delegate.Scheme.Default(defaulted)
	if equality.Semantic.DeepEqual(defaulted.Spec, current.Spec) {
		return next, false
	}
	next.Spec = *wanted.Spec.DeepCopy()
	return next, true
}

func deepCopy[T flowObject](o T) T { return o.DeepCopyObject().(T) }

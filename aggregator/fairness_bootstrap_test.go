package aggregator

import (
	"context"
	"testing"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	bootstrap "k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kagg-project/kagg/delegate"
)

// Who changed a bootstrap object, and which, decides whether it is put back.
func TestEnsureFlowConfiguration(t *testing.T) {
	t.Parallel()
	const mark = flowcontrolv1.AutoUpdateAnnotationKey
	edited := func(from *flowcontrolv1.FlowSchema, precedence int32, generation int64, annotation string) *flowcontrolv1.FlowSchema {
		f := from.DeepCopy()
		delegate.Scheme.Default(f)
		f.Spec.MatchingPrecedence, f.Generation, f.Annotations = precedence, generation, nil
		if annotation != "" {
			f.Annotations = map[string]string{mark: annotation}
		}
		return f
	}
	suggested, mandatory := bootstrap.SuggestedFlowSchemas[0], bootstrap.MandatoryFlowSchemas[1]
	old := edited(suggested, 77, 1, "true")
	old.Name = "of-an-earlier-version"
	mine := edited(suggested, 77, 1, "false")
	mine.Name = "mine"
	for _, tt := range []struct {
		name       string
		object     *flowcontrolv1.FlowSchema
		precedence int32 // afterwards; 0 for deleted
		annotation string
	}{
		{"suggested, untouched, of an older suggestion", edited(suggested, 77, 1, ""), suggested.Spec.MatchingPrecedence, "true"},
		{"suggested, changed by someone", edited(suggested, 77, 2, ""), 77, "false"},
		{"suggested, marked to follow", edited(suggested, 77, 2, "true"), suggested.Spec.MatchingPrecedence, "true"},
		{"suggested, marked to stay", edited(suggested, 77, 1, "false"), 77, "false"},
		{"suggested, a mark that is none", edited(suggested, 77, 2, "perhaps"), 77, "false"},
		{"mandatory, changed and marked to stay", edited(mandatory, 77, 2, "false"), mandatory.Spec.MatchingPrecedence, "true"},
		{"no longer suggested", old, 0, ""},
		{"someone's own", mine, 77, "false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewClientset(tt.object)
			ctx, cancel := context.WithCancel(t.Context())
			factory := informers.NewSharedInformerFactory(client, 0)
			levels, schemas := factory.Flowcontrol().V1().PriorityLevelConfigurations(), factory.Flowcontrol().V1().FlowSchemas()
			levels.Informer()
			schemas.Informer()
			factory.Start(ctx.Done())
			defer factory.Shutdown()
			defer cancel()
			factory.WaitForCacheSync(ctx.Done())
			if err := ensureFlowConfiguration(ctx, client.FlowcontrolV1(), levels.Lister(), schemas.Lister()); err != nil {
				t.Fatal(err)
			}
			got, err := client.FlowcontrolV1().FlowSchemas().Get(ctx, tt.object.Name, metav1.GetOptions{})
			if tt.precedence == 0 {
				if !apierrors.IsNotFound(err) {
					t.Errorf("it is still there: %v, %v", got, err)
				}
				return
			}
			if err != nil || got.Spec.MatchingPrecedence != tt.precedence || got.Annotations[mark] != tt.annotation {
				t.Errorf("got %v with precedence %d and %v, want %d and %q", err, got.Spec.MatchingPrecedence, got.Annotations, tt.precedence, tt.annotation)
			}
			all, err := client.FlowcontrolV1().FlowSchemas().List(ctx, metav1.ListOptions{})
			if want := len(bootstrap.SuggestedFlowSchemas) + len(bootstrap.MandatoryFlowSchemas); err != nil || len(all.Items) < want {
				t.Errorf("%d flow schemas of %d, %v", len(all.Items), want, err)
			}
		})
	}
}

// The shares of the exempt level are the operator's.
func TestExemptSharesAreKept(t *testing.T) {
	t.Parallel()
	wanted := bootstrap.MandatoryPriorityLevelConfigurationExempt
	current := wanted.DeepCopy()
	delegate.Scheme.Default(current)
	shares := int32(7)
	current.Spec.Exempt.NominalConcurrencyShares = &shares
	if got, differs := revisedLevel(current, wanted); differs {
		t.Errorf("put back: %v", got.Spec)
	}
	current.Spec.Type = flowcontrolv1.PriorityLevelEnablementLimited
	if got, differs := revisedLevel(current, wanted); !differs || got.Spec.Type != wanted.Spec.Type {
		t.Errorf("not put back: %v", got.Spec)
	}
}

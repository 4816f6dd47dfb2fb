package memory

// The shared conformance suite of k8s.io/apiserver/pkg/storage/testing, as pkg/storage/etcd3 and
// pkg/storage/cacher run it. Encryption at rest has no meaning in memory, so that the transformers
// with which the suite injects faults are put into the codec here (faultCodec), where undecodable
// objects come from in real life.
//
// Not run, because they do not apply:
//
//   - RunTestGuaranteedUpdateChecksStoredData: a write through a changed transformer must rewrite
//     equal data, which only concerns encryption keys.
//   - RunTestTransformationFailure: wants the errors of a transformer as storage.InternalError.
//   - RunTestGetListWithErrorAggregation, RunTestGetListWithoutErrorAggregation: they are about a
//     wrapper that the etcd3 package has around its store, and its error type.
//   - RunBenchmark*: they measure; see bench_test.go.
//
// The counts of calls to etcd that some tests can check are not checked: there is no etcd.

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
	"k8s.io/apiserver/pkg/storage/value/encrypt/identity"
	testingclock "k8s.io/utils/clock/testing"
)

// increaseRevision changes another resource.
func increaseRevision(b *Backend) storagetesting.IncreaseRVFunc {
	return func(ctx context.Context, t *testing.T) int64 {
		t.Helper()
		s, err := b.newStore(exampleCodec(t), "/others", schema.GroupResource{Resource: "others"}, newPod)
		if err != nil {
			t.Fatal(err)
		}
		out := &example.Pod{}
		if err := s.GuaranteedUpdate(ctx, "/others/x", out, true, nil, storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) {
			obj.(*example.Pod).Generation++
			return obj, nil
		}), nil); err != nil {
			t.Fatal(err)
		}
		return int64(b.Revision())
	}
}

func compaction(b *Backend) storagetesting.Compaction {
	return func(_ context.Context, t *testing.T, resourceVersion string) {
		t.Helper()
		revision, err := storage.APIObjectVersioner{}.ParseResourceVersion(resourceVersion)
		if err != nil {
			t.Fatal(err)
		}
		b.Compact(revision)
	}
}

// noStoredMetadata checks that the bytes in the storage have neither a resource version nor a self link.
func noStoredMetadata(s *store) storagetesting.KeyValidation {
	return func(_ context.Context, t *testing.T, key string) {
		t.Helper()
		v := s.table.root.get(key)
		if v == nil {
			t.Fatalf("nothing is stored at %s", key)
		}
		obj, err := runtime.Decode(s.codec, v.data)
		if err != nil {
			t.Fatal(err)
		}
		if pod := obj.(*example.Pod); pod.ResourceVersion != "" || pod.SelfLink != "" { //nolint:staticcheck // old, and must not be stored
			t.Errorf("stored with resourceVersion %q and selfLink %q, want none", pod.ResourceVersion, pod.SelfLink) //nolint:staticcheck // as above
		}
	}
}

// bothWays runs a test with plain and with shared event objects.
func bothWays(t *testing.T, o Options, test func(t *testing.T, b *Backend, s *store)) {
	t.Helper()
	for name, share := range map[string]bool{"plain objects": false, "shared encodings": true} {
		t.Run(name, func(t *testing.T) {
			o.ShareEncoding = share
			b := newTestBackend(t, o)
			test(t, b, newPodStore(t, b))
		})
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	simple := map[string]func(context.Context, *testing.T, storage.Interface){
		"CreateWithTTL":                          storagetesting.RunTestCreateWithTTL,
		"CreateWithKeyExist":                     storagetesting.RunTestCreateWithKeyExist,
		"UnconditionalDelete":                    storagetesting.RunTestUnconditionalDelete,
		"ConditionalDelete":                      storagetesting.RunTestConditionalDelete,
		"DeleteWithSuggestion":                   storagetesting.RunTestDeleteWithSuggestion,
		"DeleteWithSuggestionAndConflict":        storagetesting.RunTestDeleteWithSuggestionAndConflict,
		"DeleteWithSuggestionOfDeletedObject":    storagetesting.RunTestDeleteWithSuggestionOfDeletedObject,
		"ValidateDeletionWithSuggestion":         storagetesting.RunTestValidateDeletionWithSuggestion,
		"ValidateDeletionWithOnlySuggestion":     storagetesting.RunTestValidateDeletionWithOnlySuggestionValid,
		"DeleteWithConflict":                     storagetesting.RunTestDeleteWithConflict,
		"PreconditionalDeleteWithSuggestion":     storagetesting.RunTestPreconditionalDeleteWithSuggestion,
		"PreconditionalDeleteWithOnlySuggestion": storagetesting.RunTestPreconditionalDeleteWithOnlySuggestionPass,
		"ListPaging":                             storagetesting.RunTestListPaging,
		"GetListRecursivePrefix":                 storagetesting.RunTestGetListRecursivePrefix,
		"KeySchema":                              storagetesting.RunTestKeySchema,
		"NamespaceScopedList":                    storagetesting.RunTestNamespaceScopedList,
		"GuaranteedUpdateWithTTL":                storagetesting.RunTestGuaranteedUpdateWithTTL,
		"GuaranteedUpdateWithConflict":           storagetesting.RunTestGuaranteedUpdateWithConflict,
		"GuaranteedUpdateWithSuggestionConflict": storagetesting.RunTestGuaranteedUpdateWithSuggestionAndConflict,
	}
	for name, test := range simple {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t.Context(), t, newPodStore(t, newTestBackend(t, Options{})))
		})
	}
}

// TestConformanceGet has a clock that stands still: its object lives for a second, and must not end in the test.
func TestConformanceGet(t *testing.T) {
	t.Parallel()
	clock := testingclock.NewFakeClock(time.Now())
	storagetesting.RunTestGet(t.Context(), t, newPodStore(t, newTestBackend(t, Options{Clock: clock})))
}

func TestConformanceWithHooks(t *testing.T) {
	t.Parallel()
	noCalls := func(*testing.T, uint64, uint64) {} // counts reads of etcd
	tests := map[string]func(ctx context.Context, t *testing.T, b *Backend, s *store){
		"Create": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			storagetesting.RunTestCreate(ctx, t, s, noStoredMetadata(s))
		},
		"GetListNonRecursive": func(ctx context.Context, t *testing.T, b *Backend, s *store) {
			storagetesting.RunTestGetListNonRecursive(ctx, t, increaseRevision(b), s)
		},
		"GuaranteedUpdate": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			storagetesting.RunTestGuaranteedUpdate(ctx, t, withFaults(s), noStoredMetadata(s))
		},
		"List": func(ctx context.Context, t *testing.T, b *Backend, s *store) {
			// A compaction of etcd is a write of the compacted revision, which the suite counts on.
			compact := func(ctx context.Context, t *testing.T, resourceVersion string) {
				t.Helper()
				compaction(b)(ctx, t, resourceVersion)
				increaseRevision(b)(ctx, t)
			}
			storagetesting.RunTestList(ctx, t, s, compact, false, nil)
		},
		"ConsistentList": func(ctx context.Context, t *testing.T, b *Backend, s *store) {
			storagetesting.RunTestConsistentList(ctx, t, s, increaseRevision(b), false, true, false)
		},
		"CompactRevision": func(ctx context.Context, t *testing.T, b *Backend, s *store) {
			storagetesting.RunTestCompactRevision(ctx, t, s, increaseRevision(b), compaction(b))
		},
		"ListContinuation": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			storagetesting.RunTestListContinuation(ctx, t, s, noCalls)
		},
		"ListPaginationRareObject": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			storagetesting.RunTestListPaginationRareObject(ctx, t, s, noCalls)
		},
		"ListContinuationWithFilter": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			storagetesting.RunTestListContinuationWithFilter(ctx, t, s, noCalls)
		},
		"ListInconsistentContinuation": func(ctx context.Context, t *testing.T, b *Backend, s *store) {
			storagetesting.RunTestListInconsistentContinuation(ctx, t, s, compaction(b))
		},
		"ListResourceVersionMatch": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			faulty := withFaults(s)
			faulty.codec.writes = true
			storagetesting.RunTestListResourceVersionMatch(ctx, t, faulty)
		},
		"Stats": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			storagetesting.RunTestStats(ctx, t, s, s.codec, identity.NewEncryptCheckTransformer(), false)
		},
		"StatsWithSizes": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			if err := s.EnableResourceSizeEstimation(func(context.Context) ([]string, error) { return nil, nil }); err != nil {
				t.Fatal(err)
			}
			storagetesting.RunTestStats(ctx, t, s, s.codec, identity.NewEncryptCheckTransformer(), true)
		},
		"UnsafeDeleteOfReadable": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			storagetesting.RunTestDeleteWithSuggestionAndMissingExpectedTransformOrDecodeError(ctx, t, s)
		},
		"UnsafeDeleteOfUnreadable": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			faulty := withFaults(s)
			storagetesting.RunTestDeleteExpectedTransformOrDecodeError(ctx, t, faulty, faulty.setFailing)
		},
		"UnsafeDeleteWithConflict": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			faulty := withFaults(s)
			storagetesting.RunTestDeleteWithConflictAndMissingExpectedTransformOrDecodeError(ctx, t, faulty, faulty.setFailing)
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTestBackend(t, Options{})
			test(t.Context(), t, b, newPodStore(t, b))
		})
	}
}

//nolint:paralleltest // the suite sets feature gates of the process
func TestConformanceWatch(t *testing.T) {
	tests := map[string]func(ctx context.Context, t *testing.T, b *Backend, s *store){
		"Watch":                   plain(storagetesting.RunTestWatch),
		"ClusterScopedWatch":      plain(storagetesting.RunTestClusterScopedWatch),
		"NamespaceScopedWatch":    plain(storagetesting.RunTestNamespaceScopedWatch),
		"DeleteTriggerWatch":      plain(storagetesting.RunTestDeleteTriggerWatch),
		"WatchFromNonZero":        plain(storagetesting.RunTestWatchFromNonZero),
		"DelayedWatchDelivery":    plain(storagetesting.RunTestDelayedWatchDelivery),
		"WatchContextCancel":      plain(storagetesting.RunTestWatchContextCancel),
		"WatcherTimeout":          plain(storagetesting.RunTestWatcherTimeout),
		"DeleteEventHasLatestRV":  plain(storagetesting.RunTestWatchDeleteEventObjectHaveLatestRV),
		"InitializationSignal":    plain(storagetesting.RunTestWatchInitializationSignal),
		"InitialEventsCompatible": plain(storagetesting.RunSendInitialEventsBackwardCompatibility),
		"Semantics":               plain(storagetesting.RunWatchSemantics),
		"InitialEventsExtended":   plain(storagetesting.RunWatchSemanticInitialEventsExtended),
		"WatchListMatchSingle":    plain(storagetesting.RunWatchListMatchSingle),
		"BookmarksWithCorrectRV":  plain(storagetesting.RunTestOptionalWatchBookmarksWithCorrectResourceVersion),
		"WatchFromZero": func(ctx context.Context, t *testing.T, b *Backend, s *store) {
			storagetesting.RunTestWatchFromZero(ctx, t, s, compaction(b))
		},
		"WatchError": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			storagetesting.RunTestWatchError(ctx, t, withFaults(s))
		},
		"UnsafeDelete": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			storagetesting.RunTestWatchWithUnsafeDelete(ctx, t, withFaults(s), errors.New("bits flipped"))
		},
		"ErrorIsBlockingFurtherEvents": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			storagetesting.RunWatchErrorIsBlockingFurtherEvents(ctx, t, withFaults(s))
		},
		"DispatchBookmarkEvents": func(ctx context.Context, t *testing.T, _ *Backend, s *store) {
			storagetesting.RunTestWatchDispatchBookmarkEvents(ctx, t, s, true)
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bothWays(t, Options{}, func(t *testing.T, b *Backend, s *store) {
				t.Helper()
				test(t.Context(), t, b, s)
			})
		})
	}
	t.Run("ProgressNotify", func(t *testing.T) {
		bothWays(t, Options{BookmarkInterval: 50 * time.Millisecond}, func(t *testing.T, b *Backend, s *store) {
			t.Helper()
			storagetesting.RunOptionalTestProgressNotify(t.Context(), t, s, increaseRevision(b))
		})
	})
}

func plain(test func(context.Context, *testing.T, storage.Interface)) func(context.Context, *testing.T, *Backend, *store) {
	return func(ctx context.Context, t *testing.T, _ *Backend, s *store) { test(ctx, t, s) }
}

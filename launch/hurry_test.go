package launch_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/launch"
	"github.com/kagg-project/kagg/proxy"
	"github.com/kagg-project/kagg/recording"
)

// A child that does not end when it is asked to is not waited for long, once it is of no use any more: less than the
// five seconds that one may take which was available and is not needed any more.
func TestTheEndIsHurried(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("every end is by force there")
	}
	t.Run("never ready", func(t *testing.T) {
		t.Parallel()
		begin := time.Now()
		_, err := launch.Start(t.Context(), launch.Options{Command: command(t, "stubborn"), Timeout: 3 * time.Second})
		if took := time.Since(begin); err == nil || !strings.Contains(err.Error(), "not ready within 3s") || took >= 8*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var begin time.Time
		err := launch.With(ctx, launch.Options{Command: command(t, "lingering")}, func(*launch.Server) error {
			begin = time.Now()
			cancel()
			return ctx.Err()
		})
		if took := time.Since(begin); !errors.Is(err, context.Canceled) || took >= 5*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

// Beside a kagg that serves from the folder, its backends are asked in that one's name.
func TestRecordsBesideAKagg(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, _, err := start(t, launch.Options{Command: command(t, "aggregated"), Config: aggregator.Config{StateDir: dir}})
	if err != nil {
		t.Fatal(err)
	}
	served, err := s.Aggregator().Record(t.Context(), aggregator.RecordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// As in manifests that rely on the CA of the folder.
	for i, o := range served.Objects {
		served.Objects[i].Object = o.Object.DeepCopy()
		unstructured.RemoveNestedField(served.Objects[i].Object.Object, "spec", "caBundle")
		unstructured.RemoveNestedField(served.Objects[i].Object.Object, "metadata", "resourceVersion")
	}
	files, err := (&recording.Recording{Objects: served.Objects}).Files()
	if err != nil {
		t.Fatal(err)
	}
	c := aggregator.Config{StateDir: dir, Filenames: []string{"-"}, Stdin: bytes.NewReader(files["objects.yaml"])}
	for _, e := range served.Server.Endpoints {
		override, err := proxy.ParseOverride(e)
		if err != nil {
			t.Fatal(err)
		}
		c.Endpoints = append(c.Endpoints, override)
	}
	n := &notes{}
	r, err := launch.Record(t.Context(), launch.Options{Config: c, Progress: n.add}, aggregator.RecordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Backends) != 1 || r.Backends[0].Discovery == nil {
		t.Fatalf("recorded: %+v", r.Backends)
	}
	for groupVersion, probe := range r.Backends[0].State.Probes {
		if probe.Failure != "" {
			t.Errorf("%s: %s", groupVersion, probe.Failure)
		}
	}
	if !strings.Contains(n.String(), "another kagg serves from the state folder") {
		t.Errorf("told: %s", n)
	}
}

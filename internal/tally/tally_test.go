package tally_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/internal/tally"
)

func TestPrint(t *testing.T) {
	t.Parallel()
	var cases tally.Tally
	var none strings.Builder
	if err := cases.Print(&none); err != nil || none.Len() != 0 {
		t.Errorf("without cases: %q, %v", none.String(), err)
	}
	for _, oracle := range []string{"b", "a", "b"} {
		cases.Add(oracle)
	}
	var out strings.Builder
	if err := cases.Print(&out); err != nil {
		t.Fatal(err)
	}
	want := "random cases compared with a: 1\nrandom cases compared with b: 2\nrandom cases compared in all: 3\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

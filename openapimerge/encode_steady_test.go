package openapimerge

import (
	"errors"
	"testing"
)

// The decoder draws lots for its words once in a process: both are put here.
func TestErrorsOfTheDecoderAreSteady(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"cannot", "unable to"} {
		inner := errors.New("json: " + word + " unmarshal into Go spec3.Paths")
		if err := steady(inner); err.Error() != "json: cannot unmarshal into Go spec3.Paths" || !errors.Is(err, inner) {
			t.Errorf("%s: %v", word, err)
		}
	}
	for name, decode := range map[string]func([]byte) error{
		"v2": func(data []byte) error { _, err := DecodeV2(data); return err },
		"v3": func(data []byte) error { _, err := DecodeV3(data); return err },
	} {
		err := decode([]byte(`{"paths": []}`))
		if _, ok := errors.AsType[steadyError](err); !ok {
			t.Errorf("%s: %v is not steady", name, err)
		}
	}
}

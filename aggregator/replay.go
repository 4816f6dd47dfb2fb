package aggregator

import (
	"errors"

	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/kagg-project/kagg/recording"
)

// Replay is the aggregation layer as a recording has it. It is immutable and
// safe for concurrent use.
type Replay struct {
	Recording *recording.Recording
	// Snapshot is what the recorded kagg served, by the same functions.
	Snapshot *Snapshot
	// Authorizer decides as the recorded kagg did.
	Authorizer authorizer.Authorizer
}

// NewReplay makes the snapshot that follows from a recording.
func NewReplay(_ *recording.Recording) (*Replay, error) {
	return nil, errors.New("not yet")
}

package aggregator

import (
	"fmt"
	"time"
)

// Profile selects between kagg's own pace and words and those of the real
// kube-aggregator.
type Profile string

const (
	// ProfileDev notices changes within a second and explains its errors.
	ProfileDev Profile = "dev"
	// ProfileUpstream has the kube-aggregator's intervals, bodies and texts.
	ProfileUpstream Profile = "upstream"
)

// ParseProfile returns the Profile that s names. The error lists the choices.
func ParseProfile(s string) (Profile, error) {
	switch p := Profile(s); p {
	case ProfileDev, ProfileUpstream:
		return p, nil
	default:
		return "", fmt.Errorf("unknown profile %q: use %q or %q", s, ProfileDev, ProfileUpstream)
	}
}

// pace is how often backends are asked, and how often after a failure.
type pace struct {
	// probeInterval lies between two rounds of probes of one backend.
	probeInterval time.Duration
	// failedProbeInterval takes its place while a probe fails: a backend that
	// comes back should serve at once.
	failedProbeInterval time.Duration
	// probesPerRound bounds the group-versions that one round asks for while
	// all is well; the others take their turn in the next. 0 is no bound.
	probesPerRound int
	// probeAttempts are made at once to each address; one success suffices.
	probeAttempts int
	// refetchInterval lies between two rounds of fetching documents.
	refetchInterval time.Duration
	// retryInterval is the first wait after a round of fetching failed; it
	// doubles up to refetchInterval or a minute, whichever is longer.
	retryInterval time.Duration
	// costFactor stretches refetchInterval so that fetching takes at most
	// one part in costFactor of the time. 0 does not stretch.
	costFactor int
}

func (p Profile) pace() pace {
	if p == ProfileUpstream {
		return pace{
			probeInterval: 30 * time.Second, failedProbeInterval: 30 * time.Second, probeAttempts: 5,
			refetchInterval: time.Minute, retryInterval: 500 * time.Millisecond,
		}
	}
	return pace{
		probeInterval: time.Second, failedProbeInterval: 250 * time.Millisecond, probesPerRound: 8, probeAttempts: 1,
		refetchInterval: time.Second, retryInterval: time.Second, costFactor: 50,
	}
}

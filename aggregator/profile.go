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
	// eager makes a backend be probed at once when one of its connections
	// ends or a proxied request fails.
	eager bool
	// probesPerRound bounds the group-versions that one round asks for while
	// all is well; the others take their turn in the next. 0 is no bound.
	probesPerRound int
	// probeAttempts are made at once to each address; one success suffices.
	probeAttempts int
	// probe, discovery and openAPI are the intervals of each.
	probe, discovery, openAPI intervals
	// crowd is whom the intervals are shared with; nil for nobody.
	crowd *crowd
	// decoding bounds the documents that are decoded at one time.
	decoding decoding
}

// waiter starts to wait in the given intervals.
func (p pace) waiter(i intervals) waiter { return waiter{intervals: i, crowd: p.crowd} }

// intervals say how long to wait after a round.
type intervals struct {
	// regular follows a round that went well.
	regular time.Duration
	// firstRetry follows one that did not; it doubles up to lastRetry.
	firstRetry, lastRetry time.Duration
	// costFactor stretches the waits so that rounds that are all long take at most
	// one part in costFactor of the time, but never beyond longest. 0 does not
	// stretch. Of the two last rounds the shorter counts: what makes one of them long
	// is a change, or what others do, as at a start.
	costFactor int
	longest    time.Duration
}

// waiter turns intervals into waits, by how each round went and how many backends
// there are. It is used by one goroutine.
type waiter struct {
	intervals
	crowd *crowd
	retry time.Duration
	// took is how long the last round took.
	took time.Duration
}

// next returns how long to wait after a round that took the given time.
func (w *waiter) next(failed bool, took time.Duration) time.Duration {
	stretched := min(min(took, w.took)*time.Duration(w.costFactor), w.longest)
	w.took = took
	if failed {
		w.retry = min(max(2*w.retry, w.firstRetry), w.lastRetry)
		return max(w.crowd.retry(w.retry), stretched)
	}
	w.retry = 0
	return max(w.crowd.regular(w.regular), stretched)
}

// withinASecond leaves what is left of a second for merging what changed.
const withinASecond = 900 * time.Millisecond

func (p Profile) pace() pace {
	if p == ProfileUpstream {
		return pace{
			probeAttempts: 5, decoding: newDecoding(),
			probe:     intervals{regular: 30 * time.Second, firstRetry: 5 * time.Millisecond, lastRetry: 30 * time.Second},
			discovery: intervals{regular: time.Minute, firstRetry: 500 * time.Millisecond, lastRetry: time.Minute},
			openAPI:   intervals{regular: time.Minute, firstRetry: time.Minute, lastRetry: time.Hour},
		}
	}
	return pace{
		eager: true, probesPerRound: 8, probeAttempts: 1, crowd: &crowd{}, decoding: newDecoding(),
		probe:     intervals{regular: time.Second, firstRetry: 250 * time.Millisecond, lastRetry: 250 * time.Millisecond},
		discovery: intervals{regular: withinASecond, firstRetry: time.Second, lastRetry: time.Second, costFactor: 50, longest: 10 * time.Second},
		openAPI:   intervals{regular: withinASecond, firstRetry: time.Second, lastRetry: time.Minute, costFactor: 50, longest: 30 * time.Second},
	}
}

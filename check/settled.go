package check

import "github.com/kagg-project/kagg/recording"

// Settled tells whether everything has been asked for since each backend answers. A running kagg that has just met a
// backend still holds failures of before, which tell nothing of the backend; it asks again within its own interval.
func Settled(r *recording.Recording) bool {
	for i := range r.Backends {
		s := r.Backends[i].State
		if s == nil {
			continue
		}
		if s.DiscoveryPending || s.OpenAPIPending {
			return false
		}
		failed := len(s.DiscoveryFailures) > 0 || s.OpenAPIV2Failure != "" || s.OpenAPIV3Failure != ""
		for _, p := range s.Probes {
			if p.Failure == "" && failed {
				return false
			}
		}
	}
	return true
}

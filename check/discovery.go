package check

import "slices"

// discoveryChecks are about what the backends list, and what becomes of it.
func discoveryChecks() []Check { return slices.Concat(liveDiscoveryChecks()) }

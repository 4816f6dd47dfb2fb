package check

// liveDiscoveryChecks are about how backends answer for discovery, beyond what the documents say.
func liveDiscoveryChecks() []Check { return nil }

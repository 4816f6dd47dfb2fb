package proxy

// Given tells whether an address that a rule decided on was written down by hand, in a flag or an
// annotation, so that the Service and its endpoints took no part. Safe for concurrent use.
func (r Rule) Given() bool {
	return r == RuleEndpointFlag || r == RuleAPIServiceAnnotation || r == RuleServiceAnnotation
}

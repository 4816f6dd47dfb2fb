package check

// Backend is what was seen of one backend by connecting to it.
type Backend struct{}

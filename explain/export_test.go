package explain

// Nearest is nearest, for tests.
var Nearest = nearest

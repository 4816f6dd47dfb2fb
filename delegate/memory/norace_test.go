//go:build !race

package memory

// raceEnabled makes the largest tests smaller: the race detector multiplies their time.
const raceEnabled = false

// Package launch starts a custom apiserver for a moment: as a child process, behind a kagg of this process, until what
// was wanted of the two is known.
//
// In come the command line of the apiserver and the configuration of kagg. Out comes a running aggregator whose
// APIServices the child serves. The child is given the flags and the environment that an apiserver needs to find kagg;
// where no objects name its group-versions, it is asked for them, and APIServices are made up. The package decides
// nothing about what is merged, and prints nothing.
package launch

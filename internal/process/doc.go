// Package process runs a program as a child of this one.
//
// In comes a command line, with what is to be added to the environment. The child gets a process group of its own
// where the system has them, so that an interrupt at the terminal does not reach it by itself and the end reaches what
// it has started too. What it prints is kept, the newest lines only. The package knows nothing of what it runs.
package process

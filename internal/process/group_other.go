//go:build !unix

package process

import "os/exec"

func ownGroup(*exec.Cmd) {}

// terminate kills: there is no gentler signal here that every program understands.
func terminate(cmd *exec.Cmd) { kill(cmd) }

// kill ends the child. One that has ended already is no error.
func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

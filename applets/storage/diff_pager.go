package storage

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
)

// paged prints through the user's pager where somebody sits at a terminal: what
// $PAGER says, else less, which ends by itself when all fits on the screen.
// Nothing is printed before the comparison is done, so that the pager begins
// with an answer.
func paged(c *console.Console, off bool, env func(string) (string, bool), print func(io.Writer) error) error {
	cmd := pagerOf(env)
	if off || cmd == nil || !c.OutIsTerminal() || !c.InIsTerminal() {
		return print(c.Out)
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return print(c.Out)
	}
	if cmd.Start() != nil {
		return print(c.Out)
	}
	err = print(in)
	in.Close()
	cmd.Wait() // how a pager ends, and Ctrl-C in it, says nothing about the answer
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		return nil // it was left before the end
	}
	return err
}

// pagerOf is the program to page with, nil for none.
func pagerOf(env func(string) (string, bool)) *exec.Cmd {
	pager, set := env("PAGER")
	if set && (pager == "" || pager == "cat") {
		return nil
	}
	if term, _ := env("TERM"); term == "dumb" {
		return nil
	}
	if !set {
		pager = "less"
		if _, err := exec.LookPath(pager); err != nil {
			return nil
		}
	}
	cmd := exec.Command("/bin/sh", "-c", pager)
	cmd.Env = os.Environ()
	if _, set := env("LESS"); !set {
		cmd.Env = append(cmd.Env, "LESS=FRX")
	}
	if _, set := env("SUDO_UID"); set {
		// Who may run this one command as root may not run a shell from it.
		cmd.Env = append(cmd.Env, "LESSSECURE=1")
	}
	return cmd
}

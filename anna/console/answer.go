package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// Answer prints the command's answer: the value as one JSON object with --json,
// else what the function writes, at once: a disk that is full, or a reader that
// has gone, is the command's error and not the function's care.
func (c *Console) Answer(v any, text func(io.Writer)) error {
	if c.JSON {
		return c.PrintJSON(v)
	}
	var b bytes.Buffer
	text(&b)
	_, err := c.Out.Write(b.Bytes())
	return err
}

// StreamJSON is PrintJSON for what is too long to be held: the function writes
// it, with its newline, in pieces of whole characters.
func (c *Console) StreamJSON(write func(io.Writer) error) error { return write(jsonWriter{c.Out}) }

// PrintJSON prints one object on a line of its own.
func (c *Console) PrintJSON(v any) error { return writeJSON(c.Out, v) }

// Say tells the user something beside the answer.
func (c *Console) Say(format string, args ...any) {
	fmt.Fprintf(c.Err, "%s: %s\n", c.world.Program, ui.Plain(fmt.Sprintf(format, args...)))
}

// SawVersion compares a daemon's version with the client's and says once, when
// they differ, that they do.
func (c *Console) SawVersion(daemon, client string) {
	if daemon == client || c.skew || daemon == "" {
		return
	}
	c.skew = true
	if !c.JSON {
		c.Say("the daemon is version %s, this client %s; after an upgrade restart it: sudo systemctl restart annad", daemon, client)
	}
}

// pipeWriter writes the answer and turns a reader that has gone ("| head")
// into an error that ends the command without a word.
type pipeWriter struct{ f *os.File }

func (w *pipeWriter) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		return n, errPipe
	}
	if err != nil {
		return n, fmt.Errorf("cannot write the answer: %w", err)
	}
	return n, nil
}

package console

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// Ask asks the person at the terminal; only a plain yes is one, and the end of
// the input (Ctrl-D) is none. An interrupt ends the question.
func (c *Console) Ask(question string) (bool, error) {
	fmt.Fprintf(c.Err, "%s [y/N] ", ui.Plain(question))
	type answer struct {
		line string
		err  error
	}
	// A read from a terminal waits whatever becomes of the context; the one
	// that is left behind ends with the program.
	answers := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(c.world.In).ReadString('\n')
		answers <- answer{line, err}
	}()
	select {
	case <-c.ctx.Done():
		fmt.Fprintln(c.Err) // below what the terminal shows for the key
		return false, c.ctx.Err()
	case a := <-answers:
		if a.err != nil {
			fmt.Fprintln(c.Err) // nobody has ended the line
		}
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return false, fmt.Errorf("cannot read the answer: %w", a.err)
		}
		word := strings.ToLower(strings.TrimSpace(a.line))
		return a.err == nil && (word == "y" || word == "yes"), nil
	}
}

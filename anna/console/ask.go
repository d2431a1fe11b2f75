package console

import (
	"bufio"
	"fmt"
	"strings"

	"golang.org/x/term"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// InIsTerminal reports whether somebody is there to be asked.
func (c *Console) InIsTerminal() bool { return term.IsTerminal(int(c.world.In.Fd())) }

// Ask asks the person at the terminal; only a plain yes is one.
func (c *Console) Ask(question string) (bool, error) {
	fmt.Fprintf(c.Err, "%s [y/N] ", ui.Plain(question))
	line, err := bufio.NewReader(c.world.In).ReadString('\n')
	if err != nil && line == "" {
		return false, fmt.Errorf("cannot read the answer: %w", err)
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}

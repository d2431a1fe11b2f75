package completion

import (
	"io"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

// shells are those that there is a script for.
var shells = []string{"bash", "zsh", "fish"}

var scripts = map[string]func([]place) string{"bash": bash, "zsh": zsh, "fish": fish}

func commands() []*console.Command {
	return []*console.Command{{
		Name:     "completion",
		Args:     "bash|zsh|fish",
		ArgWords: shells,
		Summary:  "words for the Tab key: bash, zsh, fish",
		About: `Prints the script that has a shell complete commands, flags and values of anna, annactl and annad. The packages install it; by hand it goes where the shell looks:

bash: ~/.local/share/bash-completion/completions/anna, and a link to it of the name annactl. zsh: a file _anna in a directory of $fpath. fish: ~/.config/fish/completions/anna.fish, and a link to it of the name annactl.fish.`,
		Examples: []console.Example{
			{Line: "anna completion bash", Says: "the script"},
			{Line: "source <(anna completion bash)", Says: "bash or zsh, for this shell alone"},
			{Line: "anna completion fish | source", Says: "fish, for this shell alone"},
			{Line: "anna completion zsh >~/.zfunc/_anna", Says: "zsh, with ~/.zfunc in $fpath"},
		},
		MinArgs: 1,
		MaxArgs: 1,
		Run:     run,
	}}
}

func run(c *console.Console) error {
	script, known := scripts[c.Args[0]]
	if !known {
		hint := "there are: " + strings.Join(shells, ", ")
		if near := nearest.Of(c.Args[0], shells); near != "" {
			hint = "did you mean: " + c.Path() + " " + near
		}
		return console.Usagef(hint, "there is no completion for %q", c.Args[0])
	}
	text := script(places(c.Tree(), c.Daemon()))
	return c.Answer(struct {
		Shell  string `json:"shell"`
		Script string `json:"script"`
	}{c.Args[0], text}, func(w io.Writer) { io.WriteString(w, text) })
}

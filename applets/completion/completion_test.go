package completion

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

func TestMain(m *testing.M) {
	status := m.Run()
	annatest.RemoveBuild()
	os.Exit(status)
}

// lines are command lines as they stand when Tab is pressed, and what is offered
// then. "!" before a word: it is not.
var lines = []struct {
	line string
	want []string
}{
	{"annactl ", []string{"status", "health", "completion", "help", "!daemon", "!--json"}},
	{"anna ", []string{"status", "daemon"}},
	{"annactl sto", []string{"storage", "!status"}},
	{"annactl storage ", []string{"btrfs"}},
	{"annactl storage btrfs s", []string{"show"}},
	{"annactl storage btrfs tree --li", []string{"--lineage", "--limit", "!--stat"}},
	{"annactl storage btrfs tree --sort ", []string{"path", "size", "created"}},
	{"annactl storage btrfs tree --sort s", []string{"size", "!path"}},
	{"annactl storage btrfs --explain ", []string{"snapshots", "scrub"}},
	{"annactl --socket /x health --wa", []string{"--watch"}},
	{"annactl --json=true health --wa", []string{"--watch"}},
	{"annactl health -v --int", []string{"--interval"}},
	{"annactl events --domain pa", []string{"packages"}},
	{"annactl events -l 5 --domain pa", []string{"packages"}},
	{"annactl explain Sock", []string{"SocketNotFound", "SocketPermission"}},
	{"annactl explain rpc_", []string{"rpc_latency"}},
	{"annactl doctor check que", []string{"queue"}},
	{"annactl help st", []string{"status", "storage"}},
	{"annactl -- st", []string{"!status"}},
	{"annactl storage btrfs /tmp tr", []string{"!tree"}},
	{"annactl completion ", []string{"bash", "zsh", "fish"}},
	{"annactl da", []string{"!daemon"}},
	{"anna daemon --log-level ", []string{"debug", "error"}},
	{"annad --log-level w", []string{"warn"}},
	{"annad --st", []string{"--state-dir", "!--standalone"}},
	{"annad ", []string{"!status"}},
	{"annactl config validate /etc/pass", []string{"/etc/passwd"}},
	{"annactl config validate --socket /etc/pass", []string{"/etc/passwd"}},
	{"annactl config show /etc/pass", []string{"!/etc/passwd"}},
}

// script writes what `anna completion SHELL` prints, by the real program.
func script(t *testing.T, shell string) (path string) {
	t.Helper()
	annatest.Require(t, annatest.Oracle, shell)
	text, err := exec.Command(filepath.Join(annatest.Build(t), "anna"), "completion", shell).Output()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "_anna")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// answered runs a shell that answers all lines, each with "== LINE" before its
// words, and holds them against what is wanted.
func answered(t *testing.T, program string, cmd *exec.Cmd) {
	t.Helper()
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + t.TempDir()}
	cmd.Stdin = strings.NewReader(program)
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Errorf("%v\n%s", err, errs.String())
	}
	blocks := strings.Split(string(out), "== ")[1:]
	if len(blocks) != len(lines) {
		t.Fatalf("%d answers to %d lines:\n%s", len(blocks), len(lines), out)
	}
	for i, one := range lines {
		asked, text, _ := strings.Cut(blocks[i], "\n")
		if asked != one.line {
			t.Fatalf("the answer to %q stands where that to %q should", asked, one.line)
		}
		var got []string
		for line := range strings.Lines(text) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			if word != "" {
				got = append(got, word)
			}
		}
		for _, want := range one.want {
			no, hidden := strings.CutPrefix(want, "!")
			if slices.Contains(got, no) == hidden {
				t.Errorf("%q: wrong about %q: %q", one.line, want, got)
			}
		}
		// What was typed is kept.
		typed := one.line[strings.LastIndex(one.line, " ")+1:]
		for _, word := range got {
			if !strings.HasPrefix(word, typed) {
				t.Errorf("%q is answered with %q", one.line, word)
			}
		}
	}
}

func TestBash(t *testing.T) {
	path := script(t, "bash")
	var p strings.Builder
	fmt.Fprintf(&p, "set -u; source %s\n", path)
	for _, one := range lines {
		var words []string
		for _, word := range strings.Split(one.line, " ") {
			// As bash does, whose COMP_WORDBREAKS has the equals sign.
			if name, value, ok := strings.Cut(word, "="); ok {
				words = append(words, name, "=", value)
				continue
			}
			words = append(words, word)
		}
		fmt.Fprintf(&p, "echo '== %s'; COMP_WORDS=('%s'); COMP_CWORD=%d; COMPREPLY=(); _anna %s '' ''; printf '%%s\\n' \"${COMPREPLY[@]}\"\n",
			one.line, strings.Join(words, "' '"), len(words)-1, words[0])
	}
	answered(t, p.String(), exec.Command("bash", "--norc", "--noprofile"))
	if _, err := exec.LookPath("shellcheck"); err == nil {
		if out, err := exec.Command("shellcheck", "-s", "bash", path).CombinedOutput(); err != nil {
			t.Errorf("shellcheck: %v\n%s", err, out)
		}
	}
}

func TestFish(t *testing.T) {
	path := script(t, "fish")
	var p strings.Builder
	fmt.Fprintf(&p, "source %s\n", path)
	for _, one := range lines {
		fmt.Fprintf(&p, "echo '== %s'; complete -C '%s'\n", one.line, one.line)
	}
	answered(t, p.String(), exec.Command("fish", "--no-config"))
}

// TestZsh has the script answer in zsh, with what hands the answers to the
// editor replaced; TestTab holds the real thing.
func TestZsh(t *testing.T) {
	path := script(t, "zsh")
	var p strings.Builder
	fmt.Fprintf(&p, `compdef() { }
_describe() { print -l -- ${${(P)@[-1]}%%%%:*} | grep -e "^$PREFIX" }
compadd() { print -l -- ${(P)@[-1]} | grep -e "^$PREFIX" }
_files() { print -l -- $PREFIX*(N) }
compset() { PREFIX=${PREFIX#*=} }
source %s
`, path)
	for _, one := range lines {
		words := strings.Split(one.line, " ")
		fmt.Fprintf(&p, "echo '== %s'; words=('%s'); CURRENT=%d; PREFIX='%s'; _anna || :\n", one.line, strings.Join(words, "' '"), len(words), words[len(words)-1])
	}
	answered(t, p.String(), exec.Command("zsh", "-f"))
}

// TestTab presses Tab in the real shells.
func TestTab(t *testing.T) {
	annatest.Require(t, annatest.PTY)
	for shell, one := range map[string]struct {
		words []string
		setup string
	}{
		"bash": {[]string{"--norc", "--noprofile", "-i"}, "source %s\r"},
		"zsh":  {[]string{"-f", "-i"}, "autoload -U compinit && compinit -u -D; source %s\r"},
		"fish": {[]string{"--no-config", "-i"}, "source %s\r"},
	} {
		t.Run(shell, func(t *testing.T) {
			path := script(t, shell)
			cmd := exec.Command(shell, one.words...)
			cmd.Env = []string{"PATH=" + annatest.Build(t) + ":/usr/bin:/bin", "TERM=xterm", "LANG=C.UTF-8", "PS1=> ", "HOME=" + t.TempDir()}
			master, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 200})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { master.Close(); cmd.Process.Kill(); cmd.Wait() }()
			said := make(chan string)
			go func() {
				defer close(said)
				buf := make([]byte, 4096)
				for {
					n, err := master.Read(buf)
					if err != nil {
						return
					}
					said <- string(buf[:n])
				}
			}()
			var all strings.Builder
			// shows waits for a text behind what was seen before.
			shows := func(text string) {
				t.Helper()
				deadline := time.After(30 * time.Second)
				for !strings.Contains(all.String(), text) {
					select {
					case s, open := <-said:
						if !open {
							t.Fatalf("it ended: %q", all.String())
						}
						all.WriteString(s)
					case <-deadline:
						t.Fatalf("nothing says %q: %q", text, all.String())
					}
				}
				all.Reset()
			}
			types := func(keys string) {
				if _, err := master.WriteString(keys); err != nil {
					t.Fatal(err)
				}
			}
			types(fmt.Sprintf(one.setup, path))
			types("echo rea''dy\r")
			shows("ready\r\n")
			// The command runs as completed: that is what it says.
			types("annactl hea\t--nonsense\r")
			shows("unknown flag --nonsense for annactl health")
			types("anna comp\tba\t| head -n 1\r")
			shows("# Completion of anna")
		})
	}
}

// TestPlaces holds that every command and flag of the tree is in each script.
func TestPlaces(t *testing.T) {
	all := []place{{subs: []sub{{"one", "it's a: test"}, {"daemon", "d"}}}, {path: "one", args: answers{words: []string{"w"}}}, {path: daemonPath}}
	for shell, want := range map[string][]string{
		"bash": {"'one'", "words+=' w'"},
		"zsh":  {`'one:it'\''s a\: test'`, "vals=(w)"},
		"fish": {`-a one -d 'it\'s a: test'`, "-a 'w'"},
	} {
		text := scripts[shell](all)
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s does not say %s:\n%s", shell, part, text)
			}
		}
	}
}

package doctor

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// hostile answers every request of every client with the same result.
func hostile(t *testing.T, l net.Listener, result string) {
	t.Helper()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				lines := bufio.NewScanner(c)
				for lines.Scan() {
					var request struct {
						ID json.RawMessage `json:"id"`
					}
					if json.Unmarshal(lines.Bytes(), &request) != nil {
						return
					}
					fmt.Fprintf(c, `{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", request.ID, result)
				}
			}()
		}
	}()
}

// TestFixOfHostileDaemon lets a daemon that lies say what is wrong and what to
// do about it. Its words are shown, without what would move a terminal, and
// nothing of them is done: what is mended is what this client saw itself.
func TestFixOfHostileDaemon(t *testing.T) {
	anna := filepath.Join(annatest.Build(t), "anna")
	d := dir(t)
	path, pwned := filepath.Join(d, "annad.sock"), filepath.Join(d, "pwned")
	command := "touch " + pwned
	check := func(id string) map[string]any {
		return map[string]any{
			"id": id, "group": "daemon", "title": command, "result": "critical", "detail": "run \x1b[31m$(" + command + ")\r\n; " + command,
			"fix": "`" + command + "`; " + command, "since": "2026-01-01T00:00:00Z", "after": map[string]any{"kind": "event", "text": command},
		}
	}
	answer := map[string]any{"version": "$(" + command + ")", "level": "critical", "checks": []any{}}
	for _, id := range []string{"socket", "state_dir", "systemd", "memory", command, "../../" + pwned} {
		answer["checks"] = append(answer["checks"].([]any), check(id))
	}
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	hostile(t, socket(t, path, 0o666), string(text))
	for _, words := range [][]string{
		{"doctor"},
		{"doctor", "-v"},
		{"doctor", "--json"},
		{"doctor", "check", "socket", "systemd", "--fix", "--yes"},
		{"doctor", "--fix", "--yes"},
		{"doctor", "--fix", "--dry-run"},
		{"doctor", "ack"},
		{"health"},
	} {
		cmd := exec.Command(anna, append(words, "--socket", path, "--timeout", "5s")...)
		cmd.Dir = d
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		_ = cmd.Run() // that it ends, whatever it thinks of this
		if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 && !slices.Contains(words, "--json") {
			t.Errorf("%v shows %q", words, out.String()[i:])
		}
		if _, err := os.Lstat(pwned); err == nil {
			t.Fatalf("%v did what the daemon said:\n%s", words, out.String())
		}
		if slices.Contains(words, "-v") && !strings.Contains(out.String(), command) {
			t.Errorf("%v does not show the words:\n%s", words, out.String())
		}
		if strings.Contains(out.String(), "\n"+command) {
			t.Errorf("%v lets a word of the daemon begin a line:\n%s", words, out.String())
		}
	}
	// Of all that it said was wrong, this client found the mode alone.
	if got := modeOf(t, path); got != 0o660 {
		t.Errorf("the socket's mode is %04o", got)
	}
	left, err := os.ReadDir(d)
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestRunsNothing holds that the doctor has no means to run a program at all.
func TestRunsNothing(t *testing.T) {
	for _, folder := range []string{"applets/doctor", "anna/rpc/diagnose", "anna/health"} {
		files, err := filepath.Glob(filepath.Join(annatest.RepoRoot(t), folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(folder, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range f.Imports {
				if p := strings.Trim(i.Path.Value, `"`); p == "os/exec" || p == "syscall" || p == "plugin" {
					t.Errorf("%s imports %s", file, p)
				}
			}
			if text, err := os.ReadFile(file); err != nil || bytes.Contains(text, []byte("StartProcess")) || bytes.Contains(text, []byte("unix.Exec")) {
				t.Errorf("%s starts a process: %v", file, err)
			}
		}
	}
}

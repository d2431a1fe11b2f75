package storage

import (
	"os/exec"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

var hostileNames = []string{
	"", " ", "-rf", "--", "~", "~root", "a~", "#x", "=ls", "a b", "it's", `"`, "$(reboot)", "`id`", "a\\b", "a\\nb", "(ro)", "├── x",
	"new\nline", "tab\t", "\x1b[2J\x1b[31mred", "\x00", "\u202eevil", "\u200b", "caf\u00e9", "cafe\u0301", "\xff\xfe", "a\x80'b", "日本語", "🦊", "*", "?", "[a]", "{a,b}", "a;b", "a|b", "a&b", "!!", "^x", "a>b",
	"@home", "@-2025-11-01-pre-upgrade", "/mnt/a/b", "systemd\\x2dfoo",
}

func TestQuoteIsPlain(t *testing.T) {
	for in, want := range map[string]string{
		"@home": "@home", "/.snapshots/1/snapshot": "/.snapshots/1/snapshot", "two words": "'two words'", "": "''",
		"it's": `'it'\''s'`, "new\nline": `$'new\nline'`, "\xff": `$'\xff'`, "日本語": "日本語", "-rf": "'-rf'", "├── x": "'├── x'",
		"it's\n": `$'it\'s\n'`, `a\` + "\n": `$'a\\\n'`,
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}

// TestQuoteInShell lets a shell read back what was quoted.
func TestQuoteInShell(t *testing.T) {
	annatest.Require(t, annatest.Oracle, "bash")
	for _, name := range hostileNames {
		if strings.ContainsRune(name, 0) {
			continue // no shell can hold it, and no file can be called so
		}
		c := exec.Command("bash", "-c", "printf %s "+quote(name))
		c.Env = []string{"LC_ALL=C.UTF-8"}
		got, err := c.Output()
		if err != nil || string(got) != name {
			t.Errorf("bash reads %s, for %q, as %q (%v)", quote(name), name, got, err)
		}
	}
}

// FuzzQuote holds that no name does anything to a terminal, and that two names
// never look the same.
func FuzzQuote(f *testing.F) {
	for i, name := range hostileNames {
		f.Add(name, hostileNames[(i+1)%len(hostileNames)])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		qa, qb := quote(a), quote(b)
		for _, r := range qa {
			if !unicode.IsPrint(r) {
				t.Fatalf("quote(%q) = %q holds %U", a, qa, r)
			}
		}
		if !utf8.ValidString(qa) {
			t.Fatalf("quote(%q) = %q is no UTF-8", a, qa)
		}
		if (a == b) != (qa == qb) {
			t.Fatalf("%q and %q are written %s and %s", a, b, qa, qb)
		}
	})
}

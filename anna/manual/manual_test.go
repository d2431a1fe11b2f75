package manual_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/manual"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/applets"
)

// sample is a tree with all that a page can hold.
func sample() []*console.Command {
	nothing := func(*console.Console) error { return nil }
	return []*console.Command{{
		Name: "disks", Args: "[PATH]", MaxArgs: 1, Summary: "what lies on them", Run: nothing,
		About:    "A paragraph with a path, C:\\new, and 'quotes'.\n\n.A second one that begins with a dot, and uses `words --to type`: …",
		Exits:    []int{console.ExitWarning},
		Examples: []console.Example{{Line: "annactl disks --depth 1 | grep '^/'", Says: "the top"}},
		Sub:      []*console.Command{{Name: "tree", Summary: "as a tree", Run: nothing, Examples: []console.Example{{Line: "annactl disks tree", Says: "all"}}}},
	}, {Name: "secret", Hidden: true, Summary: "x", Run: nothing}}
}

// TestPage freezes a command's page.
func TestPage(t *testing.T) {
	daemon := &console.Command{Summary: "run it", About: "It watches.", Server: true}
	var names []string
	for _, p := range manual.Pages(sample(), daemon, "1.2.3") {
		names = append(names, p.File())
		if p.Name == "annactl-disks" {
			annatest.Golden(t, "testdata/man/annactl-disks.1", []byte(p.Source()))
		}
	}
	if want := "annactl.1 anna.1 annad.8 annactl-disks.1 anna-config.toml.5 anna-policies.5"; strings.Join(names, " ") != want {
		t.Errorf("pages %v, want %s", names, want)
	}
}

func pages() []manual.Page {
	return manual.Pages(applets.Table.Commands(), &console.Command{Summary: "run it", About: "It watches.", Server: true}, "1.2.3")
}

// TestGroff has the real pages formatted, without a warning; every key of the
// configuration and every fact is in what people see.
func TestGroff(t *testing.T) {
	annatest.Require(t, annatest.Oracle, "groff")
	for _, p := range pages() {
		source := p.Source()
		if p.Name == "anna" {
			if source != ".so man1/annactl.1\n" {
				t.Errorf("anna.1 is %q", source)
			}
			continue
		}
		cmd := exec.Command("groff", "-ww", "-mandoc", "-Tutf8", "-rLL=100n", "-P-cbou")
		cmd.Stdin = strings.NewReader(source)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil || errs.Len() > 0 {
			t.Errorf("%s: %v\n%s", p.File(), err, errs.String())
		}
		var want []string
		switch p.Name {
		case "anna-config.toml":
			for _, k := range config.Keys() {
				_, name, _ := strings.Cut(k.Name, ".")
				if len(k.Default) <= 50 {
					name += " = " + k.Default
				}
				want = append(want, name)
			}
		case "anna-policies":
			want = facts.Names()
		case "annactl-disks":
			want = []string{`C:\new, and 'quotes'`}
		}
		for _, text := range want {
			if !strings.Contains(string(out), text) {
				t.Errorf("%s does not show %q", p.File(), text)
			}
		}
		if strings.ContainsFunc(source, func(r rune) bool { return r > 126 || r < ' ' && r != '\n' }) {
			t.Errorf("%s is not ASCII", p.File())
		}
	}
}

// TestMan has man(1) show a page, find its summary, and follow the other name.
func TestMan(t *testing.T) {
	annatest.Require(t, annatest.Oracle, "man", "lexgrog")
	anna := filepath.Join(annatest.Build(t), "anna")
	dir := t.TempDir()
	list, err := exec.Command(anna, "manual").Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(string(list))
	if len(files) < 10 || !slices.Contains(files, "annad.8") {
		t.Fatalf("pages: %v", files)
	}
	if out, err := exec.Command(filepath.Join(annatest.RepoRoot(t), "scripts/share.sh"), anna, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, file := range []string{"bash-completion/completions/anna", "zsh/site-functions/_anna", "fish/vendor_completions.d/anna.fish"} {
		if text, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.Contains(string(text), "storage btrfs") {
			t.Errorf("%s: %v", file, err)
		}
	}
	// Under the other names, each shell finds the same.
	for _, words := range [][]string{
		{"bash", "-ec", `. "$0/bash-completion/completions/annactl"; complete -p annactl annad`, dir},
		{"fish", "--no-config", "-c", "source " + dir + "/fish/vendor_completions.d/annad.fish; complete -C 'annactl heal' | string match -q 'health*'"},
	} {
		annatest.Require(t, annatest.Oracle, words[0])
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", words[0], err, out)
		}
	}
	for _, f := range files {
		name, section := f[:strings.LastIndexByte(f, '.')], f[strings.LastIndexByte(f, '.')+1:]
		cmd := exec.Command("man", "--warnings=w", "-M", filepath.Join(dir, "man"), section, name)
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "MANWIDTH=80", "PAGER=cat", "HOME=" + t.TempDir()}
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil || errs.Len() > 0 || !strings.Contains(string(out), "SEE ALSO") {
			t.Errorf("man %s %s: %v\n%s", section, name, err, errs.String())
		}
		if name == "anna" {
			continue
		}
		if out, err := exec.Command("lexgrog", filepath.Join(dir, "man", "man"+section, f)).CombinedOutput(); err != nil || !strings.Contains(string(out), name+" - ") {
			t.Errorf("lexgrog %s: %v, %s", f, err, out)
		}
	}
}

// TestRuleKeys holds that the page of rules has the keys that there are.
func TestRuleKeys(t *testing.T) {
	text := "[[rule]]\nid = \"x\"\nno_such_key = 1\n"
	_, problems := policy.Load([]config.File{{Path: "x.toml", Data: []byte(text)}})
	i := slices.IndexFunc(problems, func(p config.Problem) bool { return strings.HasPrefix(p.Hint, "its keys: ") })
	if i < 0 {
		t.Fatalf("nothing lists the keys: %v", problems)
	}
	source := ""
	for _, p := range pages() {
		if p.Name == "anna-policies" {
			source = p.Source()
		}
	}
	for key := range strings.SplitSeq(strings.TrimPrefix(problems[i].Hint, "its keys: "), ", ") {
		if !strings.Contains(source, "\n\\fB"+key+"\\fR\n") {
			t.Errorf("the page does not explain %q", key)
		}
	}
}

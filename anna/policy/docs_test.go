package policy

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// TestFactsReference holds the reference against the table of facts.
func TestFactsReference(t *testing.T) {
	var b bytes.Buffer
	for _, k := range facts.Kinds {
		fmt.Fprintf(&b, "### %s\n\n%s Read: %s.", k.Name, k.Doc, k.Every)
		if k.Table() {
			fmt.Fprintf(&b, " A table: `each = %q`; an object is named by its `%s`.", k.Name, k.Key)
		}
		b.WriteString("\n\n| fact | type | what | where from |\n|---|---|---|---|\n")
		for _, r := range facts.Of(k.Name) {
			typ := string(r.Type)
			if r.Unit != facts.None {
				typ += ", " + string(r.Unit)
			}
			if r.Series != "" {
				typ += ", with a past"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Name, typ, r.Doc, r.Source)
		}
		for _, f := range facts.Funcs {
			if f.Branch == k.Name {
				fmt.Fprintf(&b, "| `%s(\"%s\")` | %s | %s | |\n", f.Name, f.Arg, f.Type, f.Doc)
			}
		}
		b.WriteString("\n")
	}
	annatest.GoldenSection(t, "docs/POLICIES.md", "facts", b.Bytes())
}

// TestAdviceReference holds the list of built-in advice against the rules.
func TestAdviceReference(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("| rule | level | must hold | what it is about |\n|---|---|---|---|\n")
	for _, r := range Builtin().Rules {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.ID, r.Level, facts.Span(r.For), r.About)
	}
	annatest.GoldenSection(t, "docs/ADVISOR-ARCH.md", "advice", b.Bytes())
}

// TestExamples holds that every example of the two guides is a rule that fires by
// some facts and is silent by others.
func TestExamples(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(annatest.RepoRoot(t), "docs/POLICIES.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```toml\n")[1:]
	if len(blocks) != 10 {
		t.Errorf("%d examples", len(blocks))
	}
	if text, err = os.ReadFile(filepath.Join(annatest.RepoRoot(t), "docs/ADVISOR-ARCH.md")); err != nil {
		t.Fatal(err)
	}
	blocks = append(blocks, strings.Split(string(text), "```toml\n")[1:]...)
	machines := map[string][2]string{
		"home_filling":      {`{"mount":[{"point":"/home","used_percent":81}]}`, `{"mount":[{"point":"/srv","used_percent":99}]}`},
		"logs_growing":      {`{"mount":[{"point":"/var"}],"history":{"rate(mount[/var].used_bytes, \"6h\")":1e6}}`, `{"mount":[{"point":"/var"}],"history":{"rate(mount[/var].used_bytes, \"6h\")":1e3}}`},
		"backup_failed":     {`{"units":{"failed":["a.service","backup.service"]}}`, `{"units":{"failed":["a.service"]}}`},
		"containers_failed": {`{"units":{"failed":["podman-web.service"]}}`, `{"units":{"failed":["web.service"]}}`},
		"busy":              {`{"machine":{"cpus":2},"history":{"avg(load.one, \"1h\")":4.5}}`, `{"machine":{"cpus":8},"history":{"avg(load.one, \"1h\")":4.5}}`},
		"nvme_hot":          {`{"sensor":[{"name":"nvme/Composite","celsius":71}]}`, `{"sensor":[{"name":"coretemp/Core 0","celsius":90}]}`},
		"no_telnet":         {`{"version":{"telnetd":"0.17"}}`, `{"version":{"openssh-server":"1"}}`},
		"reboot_needed":     {`{"machine":{"container":""},"kernel":{"reboot_needed":true,"modules_missing":false}}`, `{"machine":{"container":""},"kernel":{"reboot_needed":false}}`},
		"annad_grows":       {`{"health":{"memory_bytes":99000000},"finding":{"memory_growth":false}}`, `{"health":{"memory_bytes":9000000},"finding":{"memory_growth":false}}`},
		"network_errors":    {`{"interface":[{"name":"eth0"}],"history":{"rate(interface[eth0].errors, \"1h\")":2}}`, `{"interface":[{"name":"eth0"}]}`},
	}
	for _, block := range blocks {
		example, _, _ := strings.Cut(block, "```")
		set, problems := Load(files(fileOf("example.toml", example)))
		if set == nil {
			t.Errorf("%s\n%v", example, problems)
			continue
		}
		for _, r := range set.Rules {
			if r.File != "example.toml" || !r.Enabled {
				continue
			}
			for i, want := range []Outcome{Fires, Silent} {
				v := NewJudge().All(r, tree(t, machines[r.ID][i]))
				if len(v) != 1 || v[0].Outcome != want {
					t.Errorf("%s: got %+v, want %s", r.ID, v, want)
				}
			}
			delete(machines, r.ID)
		}
	}
	if len(machines) > 0 {
		t.Errorf("not in the guide: %v", machines)
	}
}

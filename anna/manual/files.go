package manual

import (
	"fmt"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// longDefault is how long a default is that does not stand beside its key.
const longDefault = 50

// configuration is anna-config.toml(5).
func configuration(r *roff) {
	r.macro("SH", "SYNOPSIS")
	r.b.WriteString(`\fB` + escape(config.DefaultPath) + "\\fR\n")
	r.macro("SH", "DESCRIPTION")
	r.text("A TOML file. Every key has a default; a missing file means the defaults. Nothing is read that is not understood: a key or a value that is wrong is named with its line, and the configuration that holds goes on.\n\nDurations are written `300ms`, `90s`, `5m`, `12h`, `30d`; sizes `64MB` or `1GiB` (M, MB and MiB alike are 1024 * 1024 bytes); a percentage is of the daemon's memory limit. `anna config validate` checks a file, `anna reload` uses it, `anna config show --origin` tells what holds and from where.")
	for _, s := range config.Sections() {
		r.macro("SH", "["+s.Name+"]")
		r.line(s.Doc)
		for _, k := range config.Keys() {
			name, ok := strings.CutPrefix(k.Name, s.Name+".")
			if !ok {
				continue
			}
			r.macro("TP")
			short := len(k.Default) <= longDefault
			term := `\fB` + escape(name) + `\fR`
			if short {
				term += " = " + escape(k.Default)
			}
			r.b.WriteString(term + "\n")
			r.line(k.Doc)
			r.macro("IP")
			if !short {
				r.line("Default: " + k.Default + ".")
			}
			when := "Takes effect with the reload: "
			if k.Class == config.Restart {
				when = "Takes effect with the next start of the daemon: "
			}
			r.line(fmt.Sprintf("Allowed: %s. %s%s.", k.Allowed, when, k.Why))
			if len(k.OldNames) > 0 {
				r.line("Also read under its old name: " + strings.Join(k.OldNames, ", ") + ".")
			}
		}
	}
	r.macro("SH", "EXAMPLES")
	r.line("A tighter limit of memory, and no watch over the network:")
	r.code("[health]", `memory_warn = "40MB"`, "", "[modules]", "network = false")
	see(r, "annactl-config(1)", "annactl-reload(1)", "annad(8)", "anna-policies(5)")
}

// ruleKeys are the keys of a rule, and what each means. A test holds that the
// language knows just these.
var ruleKeys = [][2]string{
	{"id", "The rule's name. One of a built-in rule changes that rule: only the keys that are written."},
	{"about", "What the rule is for."},
	{"level", "How urgent it is: \"info\", \"warning\" or \"critical\"."},
	{"each", "A table of facts that the rule goes through, object by object, as \"mount\"."},
	{"when", "The condition: an expression over facts. It is checked against their types when the file is read."},
	{"for", "How long the condition has to hold, as \"10m\"."},
	{"title", "What is wrong, in a few words. A fact in braces stands for its value."},
	{"detail", "The figures."},
	{"fix", "What to do: a command to type. anna never runs it."},
	{"refs", "Where to read on."},
	{"action", "\"finding\" raises a finding; \"log\" writes a line in the log and nothing else."},
	{"enabled", "false switches the rule off."},
}

// policies is anna-policies(5).
func policies(r *roff) {
	r.macro("SH", "SYNOPSIS")
	r.b.WriteString("\\fB/etc/anna/policies.d/*.toml\\fR\n")
	r.macro("SH", "DESCRIPTION")
	r.text("Each file holds rules, in TOML; files are read in the order of their names. A rule says when something is a reason for advice, and what to say then. Built-in advice is written in the same language, and a rule with the id of a built-in one changes it. A rule only ever says something: nothing in anna runs what it says.\n\nA condition that comes to a fact which is not known is neither true nor false: the rule cannot tell, and says which fact. `known(fact)` asks first. `anna facts` shows the facts of this machine; `anna policy test FILE` shows what the rules of a file say about it.")
	r.macro("SH", "KEYS OF A RULE")
	for _, k := range ruleKeys {
		r.item(k[0], k[1])
	}
	r.macro("SH", "EXAMPLES")
	r.code("[[rule]]", `id = "home_filling"`, `level = "warning"`, `each = "mount"`,
		`when = 'mount.point == "/home" and mount.used_percent > 90'`, `for = "10m"`,
		`title = "{mount.point} is nearly full"`, `detail = "{mount.used_percent} is in use, {mount.available_bytes} are left."`,
		`fix = "See what is large: du -xh --max-depth=1 {mount.point} | sort -h"`)
	r.macro("SH", "FUNCTIONS")
	for _, f := range facts.Funcs {
		r.item(fmt.Sprintf("%s(%q)", f.Name, f.Arg), fmt.Sprintf("%s (%v)", f.Doc, f.Type))
	}
	for _, w := range facts.Windows {
		r.item(w.Name+`(fact, "1h")`, w.Doc)
	}
	r.macro("SH", "FACTS")
	for _, k := range facts.Kinds {
		head := k.Name
		if k.Table() {
			head += ", for each " + k.Key
		}
		r.macro("SS", head)
		r.line(k.Doc + " Read every: " + k.Every + ".")
		for _, f := range facts.Of(k.Name) {
			says := fmt.Sprint(f.Type)
			if f.Unit != facts.None {
				says += ", " + string(f.Unit)
			}
			if f.Series != "" {
				says += ", with a history"
			}
			r.item(f.Name, f.Doc+" ("+says+"). From "+f.Source+".")
		}
	}
	see(r, "annactl-policy(1)", "annactl-facts(1)", "annactl-advisor(1)", "annad(8)", "anna-config.toml(5)")
}

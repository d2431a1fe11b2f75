package config

import (
	"strings"
)

// DefaultFile is dist/config.toml, from the table of keys: every key, with what it
// means and what it takes, commented out at its default. TestDefaultFile holds
// the file to it.
func DefaultFile() []byte {
	var b strings.Builder
	b.WriteString(`# Configuration of anna. Every key is at its default; to change one, remove
# the "#" in front of it. Then:
#
#   anna config validate     is it right?
#   anna reload              use it
#   anna config show         what holds, and with --origin, from where
#
# Durations are written 300ms, 90s, 5m, 12h, 30d; sizes 64MB or 1GiB (M, MB and
# MiB alike are 1024 * 1024 bytes). "restart" marks what waits for the next
# start of the daemon; everything else takes effect with the reload.
`)
	for _, s := range sections {
		b.WriteString("\n")
		comment(&b, s.Doc)
		b.WriteString("[" + s.Name + "]\n")
		for i := range table {
			k := &table[i]
			section, name, _ := strings.Cut(k.Name, ".")
			if section != s.Name {
				continue
			}
			b.WriteString("\n")
			comment(&b, k.Doc)
			allowed := "Allowed: " + k.Allowed + "."
			if k.Class == Restart {
				allowed += " (restart)"
			}
			comment(&b, allowed)
			b.WriteString("#" + name + " = " + wrapList(k.def) + "\n")
		}
	}
	return []byte(b.String())
}

// wrapList puts a long list on lines of its own, each a comment.
func wrapList(toml string) string {
	if len(toml) < 80 || !strings.HasPrefix(toml, "[") {
		return toml
	}
	items := strings.Split(strings.Trim(toml, "[]"), ", ")
	return "[\n#    " + strings.Join(items, ",\n#    ") + ",\n#]"
}

// comment writes a text as comment lines of at most 80 columns.
func comment(b *strings.Builder, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 80 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

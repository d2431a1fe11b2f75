// Package manual writes the manual pages, from what help, configuration and
// rules are made of: the command tree, the table of keys, the table of facts.
// What is packaged is what `anna manual PAGE` prints.
//
//	for _, p := range manual.Pages(tree, daemon, version.Number) {
//		os.WriteFile(p.File(), []byte(p.Source()), 0o644)
//	}
//
// The pages use the macros of man(7) alone, and ASCII: other characters are
// written as groff_char(7) names them, so that every man reads them alike.
package manual

// Package facts holds what anna knows of its machine as one typed, documented
// tree, which rules are written against and which `anna facts` shows.
//
// A fact is a value, or unknown with the reason: what nobody could read is
// never 0, and never "no". Every fact is a row of one table (rows.go) with its
// type, its unit and where it comes from; the reference in docs/POLICIES.md and
// what a rule is checked against are made from that table.
//
// Facts hang on branches. A branch is read as a whole, so that its figures
// belong together: "memory", "kernel". Some branches are tables, with one object
// for each thing of a kind: "mount", "btrfs". And some facts take a name, as
// installed("linux") does.
//
//	branch := facts.NewBranch()
//	branch.Set("memory.total_bytes", facts.Num(1<<34))
//	branch.Set("memory.pressure_percent", facts.Unknown("the kernel counts no pressure"))
//	tree := facts.Tree{}.With("memory", branch)
//	total, ok := tree.Fact("memory.total_bytes", "").Number()
//
// A Tree never changes; With makes a new one.
package facts

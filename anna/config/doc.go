// Package config reads /etc/anna/config.toml and policies.d strictly: every
// problem at once, each with its place, the line itself, what is allowed and
// what was probably meant.
//
// There is one table of keys (keys.go). What is read, checked, shown, compared,
// shipped as the default file and documented comes from it, so that none of
// these can disagree.
//
// The way of the data is one direction: Read takes the files in once (Sources),
// Parse judges them and builds a Config or a Report of what keeps it from
// being one. A Config never changes; a reload makes a new one and asks Diff
// what is different. Where a file does not exist, the defaults hold.
//
// Syntax is go-toml's business. Its decoder, though, stops at the first wrong
// type and forgets where things stood, so the types, bounds and names are
// checked here, on what its parser sees.
package config

// Package survey looks at the machine and hangs what it sees on branches of
// facts: files below a root, and samples that others took. It runs no program
// and waits for nothing.
//
//	tree = tree.With("machine", survey.Machine(survey.Live))
//
// What cannot be read is unknown with the reason; what a machine does not have
// is an empty text, none, or 0, as the table of facts says.
package survey

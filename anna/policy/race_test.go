//go:build race

package policy

// slower is how many times slower the race detector makes a judgement, at most.
const slower = 20

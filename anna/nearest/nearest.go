// Package nearest finds what a misspelt word was meant to be: a command, a
// flag, a configuration key, an error code.
package nearest

import (
	"strings"
	"unicode/utf8"
)

// maxWord bounds what is compared: nobody misspells a longer word.
const maxWord = 64

// Of returns the word of the list that was probably meant: the one with the
// fewest letters wrong if those are at most a third of it, else one that begins
// with the word. Case and the difference of "-" and "_" do not count. It
// returns "" when none is near.
func Of(word string, list []string) string {
	if word == "" || utf8.RuneCountInString(word) > maxWord {
		return ""
	}
	w := fold(word)
	best, bestDistance := "", 1<<30
	for _, candidate := range list {
		c := fold(candidate)
		d := distance(w, c)
		if d < bestDistance && d <= max(1, max(len(w), len(c))/3) && d < len(w) {
			best, bestDistance = candidate, d
		}
	}
	if best != "" || len(w) < 3 {
		return best
	}
	for _, candidate := range list {
		if strings.HasPrefix(string(fold(candidate)), string(w)) {
			return candidate
		}
	}
	return ""
}

func fold(s string) []rune { return []rune(strings.ReplaceAll(strings.ToLower(s), "-", "_")) }

// distance is the optimal string alignment distance: letters inserted, left
// out, changed, or swapped with their neighbour.
func distance(a, b []rune) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(b)]
}

package config

import (
	"strings"
	"unicode/utf8"
)

// nearest finds the word that was probably meant: the one with the fewest
// letters changed, if those are at most a third of it; "" when none is near.
func nearest(word string, among []string) string {
	if word == "" || utf8.RuneCountInString(word) > 64 {
		return ""
	}
	word = strings.ReplaceAll(strings.ToLower(word), "-", "_")
	best, bestDistance := "", 1<<30
	for _, w := range among {
		d := distance([]rune(word), []rune(strings.ToLower(w)))
		if d < bestDistance && d <= max(1, max(len(word), len(w))/3) {
			best, bestDistance = w, d
		}
	}
	return best
}

// distance is the optimal string alignment distance: letters inserted, left
// out, changed, or swapped with their neighbour.
func distance(a, b []rune) int {
	older := make([]int, len(b)+1)
	old := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
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

package events

import (
	"cmp"
	"strings"
)

// compareVersions orders two versions as their package manager does: -1, 0, 1.
func compareVersions(manager, a, b string) int {
	switch manager {
	case "pacman":
		return compareParts(a, b, comparePacman)
	case "apk":
		return compareApk(a, b)
	default:
		return compareParts(a, b, compareDebian)
	}
}

// compareParts compares epoch, version and revision of EPOCH:VERSION-REVISION.
func compareParts(a, b string, compare func(a, b string) int) int {
	epochA, a := cutEpoch(a)
	epochB, b := cutEpoch(b)
	if c := compareNumbers(epochA, epochB); c != 0 {
		return c
	}
	versionA, revisionA := cutRevision(a)
	versionB, revisionB := cutRevision(b)
	if c := compare(versionA, versionB); c != 0 {
		return c
	}
	return compare(revisionA, revisionB)
}

func cutEpoch(v string) (epoch, rest string) {
	if epoch, rest, ok := strings.Cut(v, ":"); ok {
		return epoch, rest
	}
	return "", v
}

func cutRevision(v string) (version, revision string) {
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return v[:i], v[i+1:]
	}
	return v, ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// span cuts off the longest beginning whose bytes are all like that.
func span(s string, like func(byte) bool) (head, rest string) {
	i := 0
	for i < len(s) && like(s[i]) {
		i++
	}
	return s[:i], s[i:]
}

// compareNumbers compares numbers of any length; nothing is 0.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return strings.Compare(a, b)
}

// compareDebian is the order of deb-version(7), "Sorting algorithm".
func compareDebian(a, b string) int {
	notDigit := func(c byte) bool { return !isDigit(c) }
	for a != "" || b != "" {
		var wordA, wordB, numberA, numberB string
		wordA, a = span(a, notDigit)
		wordB, b = span(b, notDigit)
		for i := range max(len(wordA), len(wordB)) {
			if c := cmp.Compare(debianOrder(wordA, i), debianOrder(wordB, i)); c != 0 {
				return c
			}
		}
		numberA, a = span(a, isDigit)
		numberB, b = span(b, isDigit)
		if c := compareNumbers(numberA, numberB); c != 0 {
			return c
		}
	}
	return 0
}

// debianOrder ranks the tilde before the end, the end before letters, and
// those before everything else.
func debianOrder(word string, i int) int {
	switch {
	case i >= len(word):
		return 0
	case word[i] == '~':
		return -1
	case isAlpha(word[i]):
		return int(word[i])
	}
	return int(word[i]) + 256
}

// comparePacman is the order of vercmp(8): runs of digits and of letters,
// whatever stands between them.
func comparePacman(a, b string) int {
	if a == "" || b == "" {
		return 0 // a revision that one of them does not name
	}
	separator := func(c byte) bool { return !isDigit(c) && !isAlpha(c) }
	for a != "" && b != "" {
		var gapA, gapB string
		gapA, a = span(a, separator)
		gapB, b = span(b, separator)
		if a == "" || b == "" {
			break
		}
		if len(gapA) != len(gapB) {
			return cmp.Compare(len(gapA), len(gapB))
		}
		if isDigit(a[0]) != isDigit(b[0]) { // a number is newer than a word
			if isDigit(a[0]) {
				return 1
			}
			return -1
		}
		like, compare := isAlpha, strings.Compare
		if isDigit(a[0]) {
			like, compare = isDigit, compareNumbers
		}
		var partA, partB string
		partA, a = span(a, like)
		partB, b = span(b, like)
		if c := compare(partA, partB); c != 0 {
			return c
		}
	}
	switch {
	case a == "" && b == "":
		return 0
	case a == "" && !isAlpha(b[0]), a != "" && isAlpha(a[0]): // 1.0rc1 is older than 1.0
		return -1
	}
	return 1
}

// apkSuffixes are those of apk-package(5) in their order; "" is none.
var apkSuffixes = []string{"alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"}

// compareApk orders NUMBER{.NUMBER}[LETTER]{_SUFFIX[NUMBER]}[-rNUMBER].
func compareApk(a, b string) int {
	versionA, revisionA := cutRevision(a)
	versionB, revisionB := cutRevision(b)
	suffixesA, suffixesB := strings.Split(versionA, "_"), strings.Split(versionB, "_")
	if c := compareDebian(suffixesA[0], suffixesB[0]); c != 0 {
		return c
	}
	for i := 1; i < max(len(suffixesA), len(suffixesB)); i++ {
		rankA, numberA := apkSuffix(suffixesA, i)
		rankB, numberB := apkSuffix(suffixesB, i)
		if c := cmp.Or(cmp.Compare(rankA, rankB), compareNumbers(numberA, numberB)); c != 0 {
			return c
		}
	}
	return compareNumbers(strings.TrimPrefix(revisionA, "r"), strings.TrimPrefix(revisionB, "r"))
}

func apkSuffix(suffixes []string, i int) (rank int, number string) {
	word := ""
	if i < len(suffixes) {
		word, number = span(suffixes[i], isAlpha)
	}
	for rank, suffix := range apkSuffixes {
		if suffix == word {
			return rank, number
		}
	}
	return len(apkSuffixes), number
}

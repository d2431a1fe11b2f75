package events

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// isImage leaves out rescue images and copies of older ones.
func isImage(name string) bool {
	return strings.HasPrefix(name, "vmlinuz-") && len(name) > len("vmlinuz-") && !strings.Contains(name, "-rescue-") &&
		!strings.HasSuffix(name, ".old") && !strings.HasSuffix(name, "~") && !strings.Contains(name, ".dpkg-")
}

// readImage reads the version that an x86 image carries
// (Documentation/arch/x86/boot.rst, kernel_version).
func readImage(path string) (release, build string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return "", "", err
	}
	return parseImage(head)
}

var errImage = errors.New("no image of an x86 kernel")

func parseImage(head []byte) (release, build string, err error) {
	const magic, pointer, base = 0x202, 0x20e, 0x200
	if len(head) < pointer+2 || string(head[magic:magic+4]) != "HdrS" {
		return "", "", errImage
	}
	at := base + int(binary.LittleEndian.Uint16(head[pointer:]))
	if at == base || at >= len(head) {
		return "", "", errImage
	}
	text := unix.ByteSliceToString(head[at:min(at+512, len(head))])
	release, rest, _ := strings.Cut(clean(text), " ")
	if i := strings.Index(rest, "#"); i >= 0 {
		build = rest[i:]
	}
	if release == "" || strings.Contains(release, "/") {
		return "", "", errImage
	}
	return release, build, nil
}

// sameBuild compares with what uname(2) says, which is cut at 64 characters.
func sameBuild(image, uname string) bool {
	const most = 64
	return image == uname || len(uname) >= most && strings.HasPrefix(image, uname)
}

func compareReleases(a, b string) int { return compareParts(a, b, compareDebian) }

// newestLike is the newest release of the same flavour.
func newestLike(running string, releases []string) (newest string) {
	for _, r := range releases { // oldest first
		if flavour(r) == flavour(running) {
			newest = r
		}
	}
	return newest
}

// flavour is what is left of a release without its numbers: "6.1.0-10-amd64"
// is "amd", "6.9.1-arch1-1" is "arch", "5.14.0-362.el9.x86_64" is "el.x_".
func flavour(release string) string {
	_, rest := span(release, func(c byte) bool { return isDigit(c) || c == '.' })
	var words []string
	for word := range strings.FieldsFuncSeq(rest, func(r rune) bool { return r == '-' || r == '+' }) {
		word = strings.Trim(strings.Map(func(r rune) rune {
			if '0' <= r && r <= '9' {
				return -1
			}
			return r
		}, word), ".")
		if word != "" && word != "rc" {
			words = append(words, word)
		}
	}
	return strings.Join(words, "-")
}

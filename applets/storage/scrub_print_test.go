package storage

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// scrubbed is a machine with a scrub under way after one that found errors.
func scrubbed() Scrubs {
	at := time.Date(2025, 11, 22, 3, 0, 0, 0, time.UTC)
	devices := func(outcome string, bytes uint64, e scrub.Errors) []scrub.DeviceRun {
		return []scrub.DeviceRun{{ID: 1, Bytes: bytes, Total: 250 * gib, Outcome: outcome, Errors: e}}
	}
	bad := scrub.Errors{Checksum: 3, Corrected: 1, Uncorrectable: 2}
	last := scrub.Run{
		Started: at.Add(-21 * 24 * time.Hour), Exact: true, Ended: at.Add(-21*24*time.Hour + 11*time.Minute), Seconds: 660,
		Outcome: scrub.Finished, Bytes: 250 * gib, Total: 250 * gib, Errors: bad, By: "anna, lise", Source: scrub.FromRunner, Devices: devices(scrub.Finished, 250*gib, bad),
	}
	running := scrub.Run{
		Started: at, Outcome: scrub.Running, Seconds: 120, Bytes: 50 * gib, Total: 250 * gib, Source: scrub.FromFile,
		Devices: devices(scrub.Running, 50*gib, scrub.Errors{}),
	}
	logged := scrub.Run{Started: at.Add(-40 * 24 * time.Hour), Ended: at.Add(-40*24*time.Hour + 9*time.Minute), Seconds: 540, Outcome: scrub.Cancelled, Source: scrub.FromLog}
	rate, left := float64(running.Bytes)/120, 480.0
	return Scrubs{Filesystems: []ScrubView{{
		UUID: rootUUID, Label: "arch", Level: health.Critical, Summary: "the last scrub found 2 errors that cannot be corrected",
		Running: &running, Rate: &rate, LeftSec: &left, Last: &last, UnknownBefore: at.Add(-50 * 24 * time.Hour), Runs: []scrub.Run{running, last, logged}, Missing: []Missing{},
	}, {
		UUID: "7a1f8c3e-5b9d-4f7a-9c2e-0d6b8e4f1a24", Level: health.Unknown, Summary: "when it was scrubbed is unknown before 2025-11-01",
		UnknownBefore: at.Add(-21 * 24 * time.Hour), Missing: []Missing{},
	}}, Missing: []Missing{}}
}

func damaged() DamageReport {
	return DamageReport{
		UUID: rootUUID, Read: 3 * gib, Bad: 8192, Missing: []Missing{},
		Files: []DamagedFile{{
			Subvolume: 256, SubvolumePath: "/@", Paths: []string{"home/lise/list"}, Reach: "/home/lise/list", Size: 81920, Bad: 4096,
			Copies: []GoodCopy{{Reach: "/.snapshots/12/snapshot/home/lise/list", Modified: time.Date(2025, 11, 20, 18, 4, 5, 0, time.UTC)}},
		}, {
			Subvolume: 260, SubvolumePath: "/old", Paths: []string{"disk.img"}, Size: 20 * gib, Bad: 4096,
		}},
	}
}

func TestScrubScreens(t *testing.T) {
	var text, history, damage bytes.Buffer
	printScrubs(&text, ui.Theme{}, scrubbed(), false)
	printScrubHistory(&history, ui.Theme{}, scrubbed())
	printDamage(&damage, ui.Theme{}, damaged())
	annatest.GoldenSection(t, "docs/STORAGE-BTRFS.md", "scrub", []byte(
		"```console\n$ sudo anna storage btrfs scrub status\n"+text.String()+"```\n\n```console\n$ sudo anna storage btrfs scrub history\n"+history.String()+"```\n"))
	annatest.GoldenSection(t, "docs/STORAGE-BTRFS.md", "scrub-damage", []byte("```console\n$ sudo anna storage btrfs scrub damage /\n"+damage.String()+"```\n"))
}

// TestScrubUnseen holds that figures of a run whose end nobody saw are told as
// what they are.
func TestScrubUnseen(t *testing.T) {
	at := time.Date(2025, 11, 22, 3, 0, 0, 0, time.UTC)
	for outcome, want := range map[string]string{scrub.Interrupted: "no errors when last seen", scrub.Finished: "no errors\n"} {
		var text, history bytes.Buffer
		r := scrub.Run{Started: at, Exact: true, Ended: at.Add(time.Minute), Seconds: 60, Outcome: outcome, Source: scrub.FromRunner, Bytes: gib, Devices: []scrub.DeviceRun{{ID: 1, Bytes: gib}}}
		printRun(&text, r, false)
		printScrubHistory(&history, ui.Theme{}, Scrubs{Filesystems: []ScrubView{{UUID: rootUUID, Runs: []scrub.Run{r}}}})
		if !strings.Contains(text.String(), want) || outcome == scrub.Interrupted && !strings.Contains(history.String(), want) {
			t.Errorf("%s:\n%s%s", outcome, text.String(), history.String())
		}
		if seen := strings.Contains(text.String(), "read 1.00 GiB when last seen"); seen != (outcome == scrub.Interrupted) {
			t.Errorf("%s:\n%s", outcome, text.String())
		}
	}
}

// TestEscapePath holds what systemd-escape --path says.
func TestEscapePath(t *testing.T) {
	for path, want := range map[string]string{
		"/": "-", "/home": "home", "/srv//data/": "srv-data", "/mnt/two words-x": `mnt-two\x20words\x2dx`, "/.snap/a.b": `\x2esnap-a.b`, "/ü": `\xc3\xbc`,
	} {
		if got := escapePath(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

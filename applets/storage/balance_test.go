package storage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// allocated is the laptop when all of its disk was given to data once.
func allocated() Balance {
	f := laptop().Filesystems[0]
	b := Balance{
		UUID: f.UUID, Label: f.Label, State: balanceNone, SeenBy: byClient, Types: f.Space.Types, Missing: []Missing{}, UnknownBefore: noon,
		Last: &LastBalance{Started: noon, Ended: noon.Add(3 * time.Minute), Outcome: "finished", Detail: "start -dusage=20", Source: "kernel log"},
		Advice: &BalanceAdvice{
			Advice: "balance", Level: health.Warning, Commands: []string{}, Helps: []string{},
			Text:            "metadata is short of room: 307 MiB can still be written, at least 1.00 GiB is wanted, and 1.00 MiB is unallocated",
			MetadataPercent: 80.1, MetadataWarn: 80, MetadataNote: "metadata is 80.1 % used, above 80 %: a balance is recommended, for it helps here",
			Unallocated: 1 << 20, Headroom: 307 << 20, Wanted: gib, Moved: 262 << 20, Gained: 2 * gib, After: 1331 << 20, Reached: true,
			Steps: []Step{
				{Type: "data", Start: 88046829568, End: 89120571392, Groups: 1, Moved: 131 << 20, Gained: gib},
				{Type: "data", Start: 1372585984, End: 2446327808, Groups: 1, Moved: 131 << 20, Gained: gib},
			},
		},
	}
	placeAdvice(b.Advice, f.Mounts)
	b.judge()
	return b
}

// refused is one where a balance would fail.
func refused() Balance {
	b := allocated()
	b.Last, b.State, b.Progress = nil, balancePaused, &BalanceProgress{Expected: 40, Considered: 9, Completed: 7}
	b.Advice = &BalanceAdvice{
		Advice: "other", Reason: "metadata_full", Level: health.Critical, Commands: []string{}, Steps: []Step{},
		Text:            "metadata is full: it is short of its reserve by 1.00 MiB. A balance would fail with \"No space left on device\": it needs 6.00 MiB of metadata to begin with, and there is 0 B",
		Helps:           []string{"Delete files, and first of all snapshots that hold them: anna storage btrfs tree", "Add a device, for as long as it takes if need be: sudo btrfs device add DEVICE MOUNT_POINT"},
		MetadataPercent: 96.1, MetadataWarn: 80, MetadataNote: "metadata is 96.1 % used, above 80 %: a balance would not help", Unallocated: 1 << 20, Headroom: -1 << 20, Wanted: gib, After: -1 << 20,
		Reclaims: "data block groups that fall below 30 %",
	}
	placeAdvice(b.Advice, laptop().Filesystems[0].Mounts)
	b.judge()
	return b
}

// enough is one that needs none.
func enough() Balance {
	b := allocated()
	b.Last = nil
	b.Advice = &BalanceAdvice{
		Advice: "none", Reason: "enough", Commands: []string{}, Helps: []string{}, Steps: []Step{}, Reached: true,
		Text:            "not needed: 90.3 GiB of metadata can still be written, 181 GiB is unallocated; it would only wear the disk",
		MetadataPercent: 80.1, MetadataWarn: 80, MetadataNote: "metadata is 80.1 % used, above 80 %: of no concern, for more can be allocated",
		Unallocated: 181 * gib, Headroom: 92467 << 20, Wanted: gib, After: 92467 << 20,
	}
	b.judge()
	return b
}

var balanceScreens = map[string]func() Balance{"balance": allocated, "balance-refused": refused, "balance-enough": enough}

func TestBalanceScreens(t *testing.T) {
	for name, b := range balanceScreens {
		all := Balances{Filesystems: []Balance{b()}, Missing: []Missing{}}
		annatest.Screens(t, "testdata/screen/storage-"+name+".txt", func(w io.Writer, th ui.Theme) { printBalances(w, th, all, true) })
		var out bytes.Buffer
		printBalances(&out, ui.Theme{}, all, false)
		annatest.GoldenSection(t, "docs/STORAGE-BTRFS.md", name, []byte("```console\n$ sudo anna storage btrfs balance status /\n"+out.String()+"```\n"))
		text, err := json.MarshalIndent(all, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		annatest.Golden(t, "testdata/json/storage-"+name+".json", append(text, '\n'))
	}
}

// TestBalanceHostile puts what a terminal would act on into every text.
func TestBalanceHostile(t *testing.T) {
	const evil = "\x1b[2J\r\nroot # \u009b31m\u202e"
	b := allocated()
	b.Label, b.UUID, b.State, b.Last.Outcome, b.Last.Detail = evil, evil, evil, evil, evil
	a := b.Advice
	a.Text, a.MetadataNote, a.Reclaims, a.Advice = evil, evil, evil, evil
	a.Commands, a.Helps = []string{evil}, []string{evil}
	b.Types[0].Type = evil
	b.Missing = []Missing{{What: evil, Why: evil, Need: evil}}
	var out bytes.Buffer
	printBalances(&out, ui.Theme{}, Balances{Filesystems: []Balance{b}}, true)
	fmt.Fprint(&out, ui.Plain(adviceLine(*a)))
	if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("%q", out.String()[i:])
	}
}

// TestBalanceLast holds what is said of the last balance when the kernel's log
// lacks its end, and who else may know it.
func TestBalanceLast(t *testing.T) {
	run := func(at time.Time, outcome string) *LastBalance {
		l := &LastBalance{Started: at, Outcome: outcome}
		if outcome == btrfs.BalanceFinished {
			l.Ended = at.Add(time.Second)
		}
		return l
	}
	const running, unknown, finished = btrfs.BalanceRunning, btrfs.BalanceUnknown, btrfs.BalanceFinished
	for _, c := range []struct {
		state     string
		log, told *LastBalance
		want      string
	}{
		{balanceNone, run(noon, running), nil, unknown},
		{"running", run(noon, running), nil, running},
		{balanceUnknown, run(noon, running), nil, running},
		{balanceNone, run(noon, running), run(noon, finished), finished},
		{balanceNone, run(noon, running), run(noon, running), unknown},
		{balanceNone, run(noon, running), run(noon.Add(-time.Hour), finished), unknown},
		{balanceNone, nil, run(noon, running), unknown},
		{balanceNone, run(noon, finished), run(noon, unknown), finished},
	} {
		b := Balance{State: c.state, Last: c.log}
		b.endUnseen()
		b.newer(c.told)
		b.endUnseen()
		if b.Last.Outcome != c.want {
			t.Errorf("%s, the log has %+v, told is %+v: %s, want %s", c.state, c.log, c.told, b.Last.Outcome, c.want)
		}
	}
}

package btrfs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// statusText is what btrfs-progs 6.2 wrote.
const statusText = `scrub status:1
3e072710-025b-4fa1-966c-9ddc3f6d0476:1|data_extents_scrubbed:4872|tree_extents_scrubbed:80|data_bytes_scrubbed:319291392|tree_bytes_scrubbed:1310720|read_errors:0|csum_errors:3|verify_errors:0|no_csum:0|csum_discards:0|super_errors:0|malloc_errors:0|uncorrectable_errors:2|corrected_errors:1|last_physical:666763264|t_start:1795532634|t_resumed:0|duration:7|canceled:1|finished:1
`

func TestParseScrubStatus(t *testing.T) {
	id, err := btrfs.ParseUUID("3e072710-025b-4fa1-966c-9ddc3f6d0476")
	if err != nil {
		t.Fatal(err)
	}
	got, err := btrfs.ParseScrubStatus([]byte(statusText), id)
	if err != nil {
		t.Fatal(err)
	}
	want := []btrfs.ScrubStatus{{
		Progress: btrfs.ScrubProgress{
			Device: 1, DataExtents: 4872, TreeExtents: 80, DataBytes: 319291392, TreeBytes: 1310720,
			ChecksumErrors: 3, Uncorrectable: 2, Corrected: 1, LastPhysical: 666763264,
		},
		Started: time.Unix(1795532634, 0), Duration: 7 * time.Second, Canceled: true, Finished: true,
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if again := btrfs.FormatScrubStatus(id, got); string(again) != statusText {
		t.Errorf("written again it is\n%s", again)
	}
	for _, bad := range []string{
		"", "scrub status:2\n", statusText[:20], strings.ReplaceAll(statusText, "t_start:", "t_start:x"),
		strings.ReplaceAll(statusText, ":1|data", ":0|data"), strings.ReplaceAll(statusText, "|no_csum:0", "|no_csum"),
		strings.ReplaceAll(statusText, "3e07", "4e07"), strings.ReplaceAll(statusText, "1795532634", "99999999999999999"),
	} {
		if got, err := btrfs.ParseScrubStatus([]byte(bad), id); err == nil {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
	// What a later version may add is left out.
	if _, err := btrfs.ParseScrubStatus([]byte(strings.ReplaceAll(statusText, "|canceled", "|new_count:5|canceled")), id); err != nil {
		t.Error(err)
	}
}

func FuzzParseScrubStatus(f *testing.F) {
	id, _ := btrfs.ParseUUID("3e072710-025b-4fa1-966c-9ddc3f6d0476")
	f.Add([]byte(statusText))
	f.Add([]byte("scrub status:1\n" + id.String() + ":1|t_start:0|finished:1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := btrfs.ParseScrubStatus(b, id)
		if err != nil {
			return
		}
		again, err := btrfs.ParseScrubStatus(btrfs.FormatScrubStatus(id, got), id)
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("%+v becomes %+v, %v", got, again, err)
		}
	})
}

// TestScrubStatusFile reads what btrfs-progs write, and has them read ours.
func TestScrubStatusFile(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{300 << 20, 300 << 20}, "-d", "raid1", "-m", "raid1")
	annatest.WriteFile(t, d.Dir, "file", 8<<20)
	fs := openFS(t, d.Dir)
	defer fs.Close()
	path := btrfs.ScrubStatusPath("", fs.FSID)
	t.Cleanup(func() { os.Remove(path) })
	annatest.Run(t, "btrfs", "scrub", "start", "-B", d.Dir)
	file, err := btrfs.ReadScrubStatus("", fs.FSID)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	totals, err := fs.ScrubTotals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range file.Devices {
		if read := s.Progress.DataBytes + s.Progress.TreeBytes; !s.Finished || s.Canceled || read != totals[s.Progress.Device] {
			t.Errorf("%+v, of %d bytes", s, totals[s.Progress.Device])
		}
	}
	if ours := btrfs.FormatScrubStatus(fs.FSID, file.Devices); !bytes.Equal(ours, theirs) || len(file.Devices) != 2 {
		t.Errorf("theirs:\n%sours:\n%s", theirs, ours)
	}
	file.Devices[0].Progress.ChecksumErrors, file.Devices[0].Progress.Corrected = 7, 7
	if err := btrfs.WriteScrubStatus("", fs.FSID, file.Devices); err != nil {
		t.Fatal(err)
	}
	if said := annatest.Run(t, "btrfs", "scrub", "status", d.Dir); !strings.Contains(said, "csum=7") || !strings.Contains(said, "finished") {
		t.Errorf("btrfs-progs read of it:\n%s", said)
	}
	other := filepath.Join(t.TempDir(), "there", "too")
	if err := btrfs.WriteScrubStatus(other, fs.FSID, file.Devices); err != nil {
		t.Error(err)
	}
	if again, err := btrfs.ReadScrubStatus(other, fs.FSID); err != nil || !reflect.DeepEqual(again.Devices, file.Devices) {
		t.Errorf("%+v, %v", again, err)
	}
}

package storage

import (
	"fmt"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// topics are the words of --explain.
var topics = []string{"snapshots", "compression", "scrub", "balance", "space"}

// explain is a topic in general, and then what it means for each file system
// that was shown.
func explain(topic string, s Show) *Explain {
	parts := []string{general[topic]}
	if len(s.Filesystems) == 0 {
		parts = append(parts, "No Btrfs file system is mounted here.")
	}
	for _, f := range s.Filesystems {
		if text := particular[topic](f, s); text != "" {
			parts = append(parts, title(f.Label, f.UUID)+": "+text)
		}
	}
	return &Explain{Topic: topic, Text: strings.Join(parts, "\n\n")}
}

var general = map[string]string{
	"snapshots": `A snapshot is a subvolume that begins as a copy of another. Both share every block until one of them changes; what a snapshot costs is what changed since, and nobody sees that in ls or du. It guards against mistakes on the same disk, not against the loss of the disk. Read-only snapshots can be sent elsewhere: btrfs send.

 anna storage btrfs tree --lineage     what is a snapshot of what`,
	"compression": `A mount with compress=zstd:3 compresses what is written from then on, where that makes it smaller; what lies on disk stays as it is until it is written again. The option counts for the whole file system, the last mount that names it wins. A directory or file can have its own: btrfs property set PATH compression zstd.`,
	"scrub": `A scrub reads everything and compares it with its checksums. What has a good second copy (dup, raid1 and more) is repaired; the rest is reported. Without it, damage in files that nobody reads is found when they are needed. Once a month is usual.

 sudo anna storage btrfs scrub start PATH     begin
 sudo anna storage btrfs scrub status PATH    see how far it is
 sudo anna storage btrfs scrub damage PATH    the files that cannot be read`,
	"balance": `Space is given out in chunks, for data or for metadata. A chunk for the one is no use to the other, so a file system can be out of metadata while df shows room. A balance moves what chunks hold together, and gives those that are empty then back. It needs room itself: when metadata is full it fails, and only freeing data or adding a device helps. It is no routine: with room for new chunks it wears the disk for nothing. Balance data; metadata only when data is short and metadata has chunks to spare.

How much of metadata is in use says little: 80 % is nothing with much unallocated, 2 % an emergency with nothing unallocated. What counts is the headroom: how much more metadata can be written. anna names the least used chunks whose content fits elsewhere; it starts nothing.

 sudo anna storage btrfs balance status    whether one helps, and the commands`,
	"space": `"allocated" is what devices gave to chunks, "used" what of these is taken, "unallocated" what no chunk has yet. "really free" is how much data can still be written: what its chunks have left and what could be allocated in its profile, with the devices as they are. "headroom" is the same for metadata, without the reserve that the kernel keeps for deleting when full. "could get" of data and of metadata is the same space: whoever asks first has it.`,
}

var particular = map[string]func(Filesystem, Show) string{
	"snapshots": func(f Filesystem, s Show) string {
		if f.Subvolumes == nil {
			return ""
		}
		text := countText(*f.Subvolumes) + "."
		if len(s.Tools) == 0 {
			text += " No tool was found that takes them regularly (snapper, btrbk, timeshift, yabsnap)."
		}
		return text
	},
	"compression": func(f Filesystem, _ Show) string {
		if len(f.Compression) > 0 {
			return "mounted with compression " + ui.Plain(strings.Join(f.Compression, ", ")) + "."
		}
		return "mounted without compression. Try: " + at("sudo mount -o remount,compress=zstd:3 MOUNT_POINT", f.Mounts) + ", and the same in /etc/fstab."
	},
	"scrub": func(f Filesystem, _ Show) string {
		if f.Scrub == nil {
			return ""
		}
		return ui.Plain(f.Scrub.Summary) + "."
	},
	"balance": func(f Filesystem, _ Show) string {
		if f.Balance == nil {
			return ""
		}
		text := ui.Plain(f.Balance.Text + "; " + f.Balance.MetadataNote + ".")
		for _, c := range f.Balance.Commands {
			text += "\n\n " + ui.Plain(c)
		}
		return text
	},
	"space": func(f Filesystem, _ Show) string {
		s := f.Space
		if s == nil {
			return ""
		}
		text := freeText(s)
		if h := s.Headroom; h != nil {
			text += fmt.Sprintf("; headroom %s = %s in metadata chunks + %s to get - %s reserve", signed(h.Bytes), size(h.Slack), size(h.Allocatable), size(h.Reserve))
		}
		return text + "."
	},
}

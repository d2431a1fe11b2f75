package survey

import (
	"errors"
	"io/fs"
	"strings"
	"unicode/utf16"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// loaderInfo is the variable in which a boot loader says its name
// (systemd-boot's Boot Loader Interface), as UTF-16 behind four bytes.
const loaderInfo = "sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

// Boot is how the machine boots. In a container it does not.
func Boot(r Root) *facts.Branch {
	b := facts.NewBranch()
	b.Set("boot.efi", facts.Flag(r.exists("sys/firmware/efi")))
	b.Set("boot.root_type", rootType(r))
	if kind, _ := container(r).Text(); kind != "" {
		b.Set("boot.loader", facts.Str(""))
		b.Set("boot.entries", facts.Num(0))
		b.Set("boot.snapshot_entries", facts.Num(0))
		return b
	}
	dir, entries, err := loaderEntries(r)
	grub := r.exists("boot/grub/grub.cfg") || r.exists("boot/grub2/grub.cfg") || r.exists("etc/default/grub")
	loader := "other"
	info, _ := r.read(loaderInfo)
	switch says := utf16Text(info); {
	case strings.HasPrefix(says, "systemd-boot"), strings.HasPrefix(says, "gummiboot"):
		loader = "systemd-boot"
	case grub:
		loader = "grub"
	case dir != "":
		loader = "systemd-boot"
	}
	switch {
	case loader == "other" && err != nil:
		b.Set("boot.loader", unread("the boot partition", err))
	default:
		b.Set("boot.loader", facts.Str(loader))
	}
	snapshots := 0
	switch loader {
	case "grub":
		b.Set("boot.entries", facts.Unknown("GRUB's entries are not counted"))
		data, gerr := r.read("boot/grub/grub-btrfs.cfg")
		switch {
		case errors.Is(gerr, fs.ErrNotExist):
			b.Set("boot.snapshot_entries", facts.Num(0))
		case gerr != nil:
			b.Set("boot.snapshot_entries", unread("/boot/grub/grub-btrfs.cfg", gerr))
		default:
			b.Set("boot.snapshot_entries", facts.Num(strings.Count(data, "submenu '")+strings.Count(data, "menuentry '")))
		}
		return b
	case "systemd-boot":
	default:
		b.Set("boot.entries", facts.Unknown("only systemd-boot's entries are counted"))
		b.Set("boot.snapshot_entries", facts.Unknown("only those of systemd-boot and GRUB are counted"))
		return b
	}
	if err != nil {
		b.Set("boot.entries", unread("the boot entries", err))
		b.Set("boot.snapshot_entries", unread("the boot entries", err))
		return b
	}
	for _, name := range entries {
		data, rerr := r.read(dir + "/" + name)
		if rerr != nil {
			err = rerr
			continue
		}
		if snapshotEntry(data) {
			snapshots++
		}
	}
	b.Set("boot.entries", facts.Num(len(entries)))
	b.Set("boot.snapshot_entries", facts.Num(snapshots))
	if err != nil {
		b.Set("boot.snapshot_entries", unread("the boot entries", err))
	}
	return b
}

// loaderEntries finds the entries of systemd-boot. The error is that of a boot
// partition that is not for us to read.
func loaderEntries(r Root) (dir string, entries []string, err error) {
	for _, boot := range []string{"boot", "efi", "boot/efi"} {
		d := boot + "/loader/entries"
		names, nerr := r.names(d)
		if nerr != nil {
			err = nerr
			dir = d
			continue
		}
		if !r.exists(d) {
			continue
		}
		for _, name := range names {
			if strings.HasSuffix(name, ".conf") {
				entries = append(entries, name)
			}
		}
		return d, entries, nil
	}
	return dir, nil, err
}

// snapshotEntry says whether an entry of systemd-boot starts a snapshot: its
// options mount a subvolume by number, or one whose path says so.
func snapshotEntry(data string) bool {
	for line := range strings.Lines(data) {
		// Key and value stand apart by spaces or tabs.
		value, ok := strings.CutPrefix(strings.TrimSpace(line), "options")
		if !ok || strings.TrimLeft(value, " \t") == value {
			continue
		}
		if strings.Contains(value, "rootflags=") && (strings.Contains(value, "snapshot") || strings.Contains(value, "subvolid=")) {
			return true
		}
	}
	return false
}

func utf16Text(s string) string {
	if len(s) < 6 {
		return ""
	}
	var units []uint16
	for i := 4; i+1 < len(s); i += 2 {
		u := uint16(s[i]) | uint16(s[i+1])<<8
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

// rootType is the type of the file system at /.
func rootType(r Root) facts.Value {
	data, err := r.read("proc/self/mountinfo")
	if err != nil {
		return unread("/proc/self/mountinfo", err)
	}
	found := facts.Unknown("nothing is mounted at /")
	for line := range strings.Lines(data) {
		before, after, ok := strings.Cut(line, " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if ok && len(fields) > 4 && fields[4] == "/" && len(rest) > 0 {
			found = facts.Str(rest[0])
		}
	}
	return found
}

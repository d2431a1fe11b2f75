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
	loader := bootLoader(r, dir)
	if loader == "other" && err != nil { // it may lie where we cannot look
		b.Set("boot.loader", unread("the boot partition", err))
	} else {
		b.Set("boot.loader", facts.Str(loader))
	}
	switch loader {
	case "systemd-boot":
		all, snapshots := countEntries(r, dir, entries, err)
		b.Set("boot.entries", all)
		b.Set("boot.snapshot_entries", snapshots)
	case "grub":
		b.Set("boot.entries", facts.Unknown("GRUB's entries are not counted"))
		b.Set("boot.snapshot_entries", grubSnapshots(r))
	default:
		b.Set("boot.entries", facts.Unknown("only systemd-boot's entries are counted"))
		b.Set("boot.snapshot_entries", facts.Unknown("only those of systemd-boot and GRUB are counted"))
	}
	return b
}

// bootLoader names the loader: by its own word where it left one, else by its
// files. entries is the directory of systemd-boot's, "" where there is none.
func bootLoader(r Root, entries string) string {
	info, _ := r.read(loaderInfo)
	says := utf16Text(info)
	switch {
	case strings.HasPrefix(says, "systemd-boot"), strings.HasPrefix(says, "gummiboot"):
		return "systemd-boot"
	case r.exists("boot/grub/grub.cfg"), r.exists("boot/grub2/grub.cfg"), r.exists("etc/default/grub"):
		return "grub"
	case entries != "":
		return "systemd-boot"
	}
	return "other"
}

// grubSnapshots counts what grub-btrfs added to GRUB's menu.
func grubSnapshots(r Root) facts.Value {
	data, err := r.read("boot/grub/grub-btrfs.cfg")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return facts.Num(0)
	case err != nil:
		return unread("/boot/grub/grub-btrfs.cfg", err)
	}
	return facts.Num(strings.Count(data, "submenu '") + strings.Count(data, "menuentry '"))
}

// countEntries counts systemd-boot's entries, and those that start a snapshot.
// err is why they could not be listed.
func countEntries(r Root, dir string, entries []string, err error) (all, snapshots facts.Value) {
	if err != nil {
		why := unread("the boot entries", err)
		return why, why
	}
	all = facts.Num(len(entries))
	count := 0
	for _, name := range entries {
		data, err := r.read(dir + "/" + name)
		if err != nil {
			return all, unread("the boot entries", err)
		}
		if snapshotEntry(data) {
			count++
		}
	}
	return all, facts.Num(count)
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

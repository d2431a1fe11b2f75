package storage

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// findBoot looks for boot loaders and their entries that boot a snapshot, below
// a root.
func findBoot(root string) []Boot {
	out := []Boot{}
	for _, find := range []func(string) *Boot{findGRUB, findLoaderEntries, findLimine} {
		if b := find(root); b != nil {
			out = append(out, *b)
		}
	}
	return out
}

// findGRUB reads the menu that grub-btrfs writes beside grub.cfg.
func findGRUB(root string) *Boot {
	for _, dir := range []string{"/boot/grub", "/boot/grub2"} {
		if !exists(root, dir+"/grub.cfg") && !exists(root, dir) {
			continue
		}
		b := &Boot{Name: "GRUB", Evidence: dir + "/grub-btrfs.cfg"}
		text, err := read(root, b.Evidence)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			none := 0
			b.Snapshots = &none
			b.Detail, b.Evidence = "grub-btrfs, which makes them, has written none", dir
		case err != nil:
			b.Detail = "cannot read " + b.Evidence
		default:
			count, depth := 0, 0
			for line := range lines(text) {
				// An outermost submenu for each snapshot, with its title and
				// kernels in it.
				if depth == 0 && strings.HasPrefix(line, "submenu ") {
					count++
				}
				depth = max(0, depth+strings.Count(line, "{")-strings.Count(line, "}"))
			}
			b.Snapshots = &count
		}
		return b
	}
	return nil
}

// findLoaderEntries reads the entries of the Boot Loader Specification, which
// systemd-boot shows: one file each, its options naming the subvolume.
func findLoaderEntries(root string) *Boot {
	for _, dir := range []string{"/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries"} {
		names, err := list(root, dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		b := &Boot{Name: "systemd-boot", Evidence: dir}
		if errors.Is(err, fs.ErrPermission) {
			b.Detail = "cannot read " + dir
			return b
		}
		count, snapshots := 0, 0
		for _, name := range names {
			if filepath.Ext(name) != ".conf" {
				continue
			}
			count++
			if text, err := read(root, filepath.Join(dir, name)); err == nil && bootsSnapshot(text) {
				snapshots++
			}
		}
		b.Entries, b.Snapshots = &count, &snapshots
		return b
	}
	return nil
}

// bootsSnapshot reports whether an entry's kernel command line names a subvolume
// that lies where snapshots do. An entry that names none boots the default.
func bootsSnapshot(entry []byte) bool {
	for line := range lines(entry) {
		options, ok := strings.CutPrefix(line, "options")
		if !ok {
			continue
		}
		for _, word := range strings.Fields(options) {
			flags, ok := strings.CutPrefix(word, "rootflags=")
			if !ok {
				continue
			}
			for o := range strings.SplitSeq(flags, ",") {
				if path, ok := strings.CutPrefix(o, "subvol="); ok && strings.Contains(strings.ToLower(path), "snapshot") {
					return true
				}
			}
		}
	}
	return false
}

// findLimine reads limine.conf, where limine-snapper-sync keeps a section.
func findLimine(root string) *Boot {
	for _, file := range []string{"/boot/limine.conf", "/boot/limine/limine.conf", "/boot/efi/limine.conf"} {
		text, err := read(root, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		b := &Boot{Name: "Limine", Evidence: file}
		if err != nil {
			b.Detail = "cannot read " + file
			return b
		}
		count, snapshots := 0, 0
		for line := range lines(text) {
			if line[0] == '/' {
				count++
			}
			if key, value, ok := strings.Cut(line, ":"); ok && key == "cmdline" && strings.Contains(value, "subvol=") && strings.Contains(value, "/.snapshots/") {
				snapshots++
			}
		}
		b.Entries, b.Snapshots = &count, &snapshots
		return b
	}
	return nil
}

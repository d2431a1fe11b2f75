package storage

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"
)

// rootWith makes a root with files; a name ending in / is a directory.
func rootWith(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, []byte(files[name]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFindTools(t *testing.T) {
	const wants = "etc/systemd/system/timers.target.wants/"
	for name, c := range map[string]struct {
		files map[string]string
		want  []Tool
	}{
		"none": {nil, []Tool{}},
		"snapper": {
			map[string]string{
				"etc/snapper/configs/root": "# a comment\nSUBVOLUME=\"/\"\nFSTYPE=\"btrfs\"\n", "etc/snapper/configs/home": "SUBVOLUME='/home'\n",
				"etc/snapper/configs/home~": "SUBVOLUME=/old\n", wants + "snapper-timeline.timer": "", wants + "snapper-cleanup.timer": "",
			},
			[]Tool{{Name: "snapper", State: stateSetUp, Subvolumes: []string{"/home", "/"}, Detail: "by timer", Evidence: "/etc/snapper/configs"}},
		},
		"snapper without cleanup": {
			map[string]string{"etc/snapper/configs/root": "SUBVOLUME=/", wants + "snapper-timeline.timer": ""},
			[]Tool{{Name: "snapper", State: stateSetUp, Subvolumes: []string{"/"}, Detail: "snapper-cleanup.timer is not enabled", Evidence: "/etc/snapper/configs"}},
		},
		"snapper installed": {
			map[string]string{"usr/bin/snapper": "", "etc/snapper/configs/": ""},
			[]Tool{{Name: "snapper", State: stateInstalled, Subvolumes: []string{}, Evidence: "/usr/bin/snapper"}},
		},
		"btrbk": {
			map[string]string{"etc/btrbk/btrbk.conf": "timestamp_format long\nvolume /mnt/pool\n  subvolume @\n  subvolume @home\nvolume /srv\n  subvolume .\n", wants + "btrbk.timer": ""},
			[]Tool{{Name: "btrbk", State: stateSetUp, Subvolumes: []string{"/mnt/pool/@", "/mnt/pool/@home", "/srv"}, Detail: "by timer", Evidence: "/etc/btrbk/btrbk.conf"}},
		},
		"timeshift": {
			map[string]string{"etc/timeshift/timeshift.json": `{"btrfs_mode":"true","include_btrfs_home_for_backup":"true"}`},
			[]Tool{{Name: "timeshift", State: stateSetUp, Subvolumes: []string{"@", "@home"}, Evidence: "/etc/timeshift/timeshift.json"}},
		},
		"timeshift with rsync": {
			map[string]string{"etc/timeshift/timeshift.json": `{"btrfs_mode":"false"}`, "usr/bin/timeshift": ""},
			[]Tool{{Name: "timeshift", State: stateInstalled, Subvolumes: []string{}, Detail: "it copies with rsync and takes no Btrfs snapshots", Evidence: "/usr/bin/timeshift"}},
		},
		"timeshift, damaged": {
			map[string]string{"etc/timeshift/timeshift.json": `{"btrfs_mode":`, "usr/bin/timeshift": ""},
			[]Tool{{Name: "timeshift", State: stateInstalled, Subvolumes: []string{}, Detail: "its configuration cannot be read as JSON", Evidence: "/usr/bin/timeshift"}},
		},
		"yabsnap": {
			map[string]string{"etc/yabsnap/configs/home.conf": "[DEFAULT]\nsource = /home\n"},
			[]Tool{{Name: "yabsnap", State: stateSetUp, Subvolumes: []string{"/home"}, Detail: "no timer is enabled", Evidence: "/etc/yabsnap/configs"}},
		},
		"hostile": {
			map[string]string{"etc/snapper/configs/a": strings.Repeat("x", 3<<20) + "\nSUBVOLUME=/late\n", "etc/btrbk/btrbk.conf": "subvolume\nvolume\n\x00\xff\n", "etc/timeshift.json": "[]"},
			[]Tool{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, findTools(rootWith(t, c.files))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestToolsReadNoTraps holds that a FIFO in the place of a file is no trap.
func TestToolsReadNoTraps(t *testing.T) {
	root := rootWith(t, map[string]string{"etc/snapper/configs/": "", "etc/btrbk/": "", "boot/grub/grub.cfg": ""})
	for _, path := range []string{"etc/snapper/configs/root", "etc/btrbk/btrbk.conf", "boot/grub/grub-btrfs.cfg", "boot/limine.conf"} {
		if err := unix.Mkfifo(filepath.Join(root, path), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	tools := findTools(root)
	if len(tools) != 1 || tools[0].State != stateUnknown {
		t.Errorf("tools %+v", tools)
	}
	for _, b := range findBoot(root) {
		if b.Snapshots != nil || b.Detail == "" {
			t.Errorf("boot loader %+v", b)
		}
	}
}

func TestFindBoot(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  []Boot
	}{
		"none": {nil, []Boot{}},
		"grub alone": {
			map[string]string{"boot/grub/grub.cfg": "menuentry 'Linux' {\n}\n"},
			[]Boot{{Name: "GRUB", Snapshots: pointer(0), Detail: "grub-btrfs, which makes them, has written none", Evidence: "/boot/grub"}},
		},
		"grub-btrfs": {
			map[string]string{
				"boot/grub/grub.cfg":       "",
				"boot/grub/grub-btrfs.cfg": "#x\nsubmenu '2025-11-01' {\n  submenu '---' { echo }\n  menuentry 'linux' {\n}\n}\nsubmenu '2025-11-02' {\n}\n",
			},
			[]Boot{{Name: "GRUB", Snapshots: pointer(2), Evidence: "/boot/grub/grub-btrfs.cfg"}},
		},
		"systemd-boot": {
			map[string]string{
				"boot/loader/entries/arch.conf": "title Arch\noptions root=UUID=x rootflags=subvol=@ rw\n", "boot/loader/entries/readme.txt": "no entry",
				"boot/loader/entries/anna-snapshot-1.conf": "title S\noptions root=UUID=x rootflags=subvol=@snapshots/1/snapshot,ro rw\n",
				"boot/loader/entries/other.conf":           "options root=UUID=x subvol=.snapshots/1\n",
			},
			[]Boot{{Name: "systemd-boot", Entries: pointer(3), Snapshots: pointer(1), Evidence: "/boot/loader/entries"}},
		},
		"limine": {
			map[string]string{"boot/limine.conf": "/Arch\n  //Snapshots\n  cmdline: root=x rootflags=subvol=/@/.snapshots/1/snapshot\n  cmdline: root=x rootflags=subvol=/@\n"},
			[]Boot{{Name: "Limine", Entries: pointer(2), Snapshots: pointer(1), Evidence: "/boot/limine.conf"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, findBoot(rootWith(t, c.files))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// FuzzConfigs holds that no configuration makes a reader stumble.
func FuzzConfigs(f *testing.F) {
	f.Add([]byte("SUBVOLUME=\"/\"\nvolume /a\nsubvolume b\noptions rootflags=subvol=/snapshots/1\n"))
	f.Add([]byte(`{"btrfs_mode":"true"}`))
	f.Add([]byte("/=:#\n=\n\x00'\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if v := shellValue(text, "SUBVOLUME"); strings.ContainsAny(v, "\n") {
			t.Fatalf("a value of two lines: %q", v)
		}
		bootsSnapshot(text)
		for line := range lines(text) {
			if line == "" || line[0] == '#' {
				t.Fatalf("a line that says nothing: %q", line)
			}
		}
	})
}

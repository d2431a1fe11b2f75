package old

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
)

// Profile is the result of the old method storage_profile: the file system of
// /. Null is not known, and Notes say why.
type Profile struct {
	Version   string    `json:"version"`
	Generated time.Time `json:"generated_at"`
	Detected  bool      `json:"detected"` // / is Btrfs
	Layout    Layout    `json:"layout"`
	Mount     Options   `json:"mount_opts"`
	Tools     Tools     `json:"tools"`
	Health    Health    `json:"health"`
	Boot      Boot      `json:"bootloader"`
	Notes     []string  `json:"notes"`
}

// Layout is how the file system is divided.
type Layout struct {
	Subvolumes   []Subvolume `json:"subvolumes"`
	Default      *string     `json:"default_subvol"`
	SnapshotsDir *string     `json:"snapshots_dir"`
	Home         bool        `json:"has_separate_home"`
	Var          bool        `json:"has_separate_var"`
	RootType     string      `json:"root_fs_type"`
	BootType     *string     `json:"boot_fs_type"`
	ESP          *string     `json:"esp_mount"`
}

// Subvolume is one of them, by its path inside the file system.
type Subvolume struct {
	ID       string  `json:"id"`
	Path     string  `json:"path"`
	Mount    *string `json:"mount_point"`
	Snapshot bool    `json:"is_snapshot"`
	ReadOnly bool    `json:"readonly"`
}

// Options are those of the mount.
type Options struct {
	Compression *string `json:"compression"`
	Level       *uint8  `json:"compression_level"`
	Autodefrag  bool    `json:"autodefrag"`
	Noatime     bool    `json:"noatime"`
	SpaceCache  *string `json:"space_cache"`
	SSD         bool    `json:"ssd"`
}

// Tools are programs around snapshots.
type Tools struct {
	Snapper   *bool `json:"snapper"`
	Timeshift *bool `json:"timeshift"`
	Assistant *bool `json:"btrfs_assistant"`
	GrubBtrfs *bool `json:"grub_btrfs"`
	Hook      *bool `json:"pacman_hook"`
}

// Health is space and what was done to it.
type Health struct {
	Devices   []Device `json:"devices"`
	Free      *float64 `json:"free_percent"`
	ScrubDays *uint32  `json:"last_scrub_days"`
	Balance   *bool    `json:"needs_balance"`
	Balancing *bool    `json:"balance_in_progress"`
	Quota     *bool    `json:"qgroups_enabled"`
}

// Device is one device, in 2^30 bytes; used is what is in chunks.
type Device struct {
	Device string  `json:"device"`
	SizeGB float64 `json:"size_gb"`
	UsedGB float64 `json:"used_gb"`
	Free   float64 `json:"free_percent"`
}

// Boot is what starts the machine.
type Boot struct {
	Detected  string   `json:"detected"`
	GrubBtrfs *bool    `json:"grub_btrfs_installed"`
	Entries   []string `json:"snapshot_entries"` // null: their names are not read
}

func serveProfile(roots btrfs.Roots, root string) func(*host.Host, *rpc.Request) (any, error) {
	return func(h *host.Host, r *rpc.Request) (any, error) {
		tree, err := h.Facts(r.Context())
		if err != nil {
			return nil, err
		}
		p := Profile{Version: "1", Generated: time.Now().UTC(), Notes: []string{}, Layout: Layout{Subvolumes: []Subvolume{}}, Health: Health{Devices: []Device{}}}
		p.regardFacts(tree)
		if err := p.regardBtrfs(r.Context(), roots, root); err != nil {
			return nil, err
		}
		if p.Detected {
			p.regardScrub(h, tree)
		}
		return p, nil
	}
}

func (p *Profile) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// regardFacts takes what is known of the machine anyhow.
func (p *Profile) regardFacts(tree facts.Tree) {
	p.Layout.RootType, _ = tree.Fact("boot.root_type", "").Text()
	points, _ := tree.Keys("mount")
	for _, point := range points {
		kind, known := tree.Fact("mount.type", point).Text()
		switch {
		case known && point == "/boot":
			p.Layout.BootType = &kind
		case point == "/home":
			p.Layout.Home = true
		case point == "/var":
			p.Layout.Var = true
		}
		if slices.Contains([]string{"/efi", "/boot/efi", "/boot"}, point) && kind == "vfat" {
			p.Layout.ESP = &point
		}
	}
	has := func(name string) *bool {
		if v, ok := tree.Named("installed", name).Flag(); ok {
			return &v
		}
		return nil
	}
	p.Tools = Tools{Snapper: has("snapper"), Timeshift: has("timeshift"), Assistant: has("btrfs-assistant"), GrubBtrfs: has("grub-btrfs")}
	if hook, ok := tree.Fact("pacman.snapshot_hook", "").Flag(); ok {
		p.Tools.Hook = &hook
	}
	p.Boot = Boot{Detected: "unknown", GrubBtrfs: p.Tools.GrubBtrfs}
	if loader, ok := tree.Fact("boot.loader", "").Text(); ok && loader != "" {
		p.Boot.Detected = loader
	}
}

// regardBtrfs looks at the file system that is mounted at root.
func (p *Profile) regardBtrfs(ctx context.Context, roots btrfs.Roots, root string) error {
	list, err := btrfs.List(ctx, roots)
	if err != nil {
		return fmt.Errorf("cannot list the Btrfs file systems: %w", err)
	}
	atRoot := func(m btrfs.Mount) bool { return m.Point == root }
	i := slices.IndexFunc(list, func(m btrfs.Mounted) bool { return slices.ContainsFunc(m.Mounts, atRoot) })
	if i < 0 {
		p.note("Root filesystem is not Btrfs")
		return nil
	}
	m := list[i]
	p.Detected, p.Layout.RootType = true, "btrfs"
	mount := m.Mounts[slices.IndexFunc(m.Mounts, atRoot)]
	p.Mount = optionsOf(mount)
	for _, other := range m.Mounts {
		p.Layout.Home = p.Layout.Home || other.Point == filepath.Join(root, "home")
		p.Layout.Var = p.Layout.Var || other.Point == filepath.Join(root, "var")
	}
	fs, err := m.Open(roots)
	if err != nil {
		p.note("the file system cannot be opened: %v", err)
		return nil
	}
	defer fs.Close()
	p.subvolumes(ctx, fs)
	p.space(ctx, fs)
	return nil
}

func optionsOf(m btrfs.Mount) Options {
	var o Options
	for _, word := range slices.Concat(m.Options, m.Super) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "compress", "compress-force":
			o.Compression = &value
			if _, level, ok := strings.Cut(value, ":"); ok {
				if n, err := strconv.ParseUint(level, 10, 8); err == nil {
					small := uint8(n)
					o.Level = &small
				}
			}
		case "space_cache":
			if value == "" {
				value = "v1"
			}
			o.SpaceCache = &value
		case "autodefrag":
			o.Autodefrag = true
		case "noatime":
			o.Noatime = true
		case "ssd":
			o.SSD = true
		}
	}
	return o
}

// mostSubvolumes bounds the answer; the whole is `anna storage btrfs tree`.
const mostSubvolumes = 1000

func (p *Profile) subvolumes(ctx context.Context, fs *btrfs.FS) {
	list, err := fs.Subvolumes(ctx)
	if err != nil {
		p.note("the subvolumes cannot be listed: %v", err)
		return
	}
	if list.Walked {
		p.note("without privilege only the subvolumes that the daemon can reach are here")
	}
	for i := range list.List {
		v := &list.List[i]
		if v.Deleted || v.ID < btrfs.FirstFree {
			continue
		}
		if len(p.Layout.Subvolumes) == mostSubvolumes {
			p.note("only the first %d subvolumes are here; all of them: anna storage btrfs tree", mostSubvolumes)
			break
		}
		one := Subvolume{ID: strconv.FormatUint(v.ID, 10), Path: strings.TrimPrefix(v.Path, "/"), Snapshot: v.Snapshot(), ReadOnly: v.ReadOnly}
		if len(v.Mounts) > 0 {
			one.Mount = &v.Mounts[0].Point
		}
		if v.ID == list.Default {
			p.Layout.Default = &one.Path
		}
		if dir := filepath.Dir(one.Path); one.Snapshot && p.Layout.SnapshotsDir == nil && dir != "." {
			p.Layout.SnapshotsDir = &dir
		}
		p.Layout.Subvolumes = append(p.Layout.Subvolumes, one)
	}
}

func (p *Profile) space(ctx context.Context, fs *btrfs.FS) {
	const gib = 1 << 30
	if devices, err := fs.Devices(ctx); err != nil {
		p.note("the devices cannot be listed: %v", err)
	} else {
		for _, d := range devices.List {
			if d.Size > 0 && !d.Absent {
				p.Health.Devices = append(p.Health.Devices, Device{
					Device: d.Path, SizeGB: float64(d.Size) / gib, UsedGB: float64(d.Allocated) / gib,
					Free: 100 * float64(d.Unallocated()) / float64(d.Size),
				})
			}
		}
	}
	if space, err := fs.Space(ctx); err != nil {
		p.note("the space cannot be measured: %v", err)
	} else {
		for _, t := range space.Types {
			if total := t.Used + t.Free(); strings.Contains(strings.ToLower(t.Type.String()), "data") && p.Health.Free == nil && total > 0 {
				free := 100 * float64(t.Free()) / float64(total)
				p.Health.Free = &free
			}
		}
	}
	if ops, err := fs.Operations(ctx); err == nil && ops.Exclusive != "" {
		busy := ops.Exclusive == "balance"
		p.Health.Balancing = &busy
	}
	if quota, err := fs.Quota(ctx); err != nil {
		p.note("the quotas cannot be read: %v", err)
	} else {
		p.Health.Quota = &quota.Enabled
	}
	p.note("whether a balance would help: anna storage btrfs balance status")
}

// regardScrub is when the last scrub that the daemon knows of came to its end.
func (p *Profile) regardScrub(h *host.Host, tree facts.Tree) {
	paths, _ := tree.Keys("btrfs")
	for _, path := range paths {
		if system, _ := tree.Fact("btrfs.system", path).Flag(); !system || h.Scrubs() == nil {
			continue
		}
		text, _ := tree.Fact("btrfs.id", path).Text()
		id, err := btrfs.ParseUUID(text)
		if err != nil {
			continue
		}
		state, known := h.Scrubs().State(id)
		history := scrub.History{Runs: state.Runs}
		if last := history.LastFinished(); known && last != nil {
			days := uint32(time.Since(last.Ended).Hours() / 24)
			p.Health.ScrubDays = &days
		}
	}
	if p.Health.ScrubDays == nil {
		p.note("when it was last scrubbed is not known")
	}
}

package events

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// StorageOptions are those of NewStorageSource.
type StorageOptions struct {
	// MountInfo is the file that is watched (proc_pid_mountinfo(5)); ""
	// means /proc/self/mountinfo.
	MountInfo string
	// Ignore names file system types that are no storage; nil means those of
	// the kernel's own (proc, sysfs, cgroup2 ...).
	Ignore []string
}

// kernelTypes are file systems that hold no files of anybody.
var kernelTypes = []string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs",
	"efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs",
	"selinuxfs", "sysfs", "tracefs",
}

// A Mount is what is remembered of a mount point: what lies uppermost there.
type Mount struct {
	ID      int    `json:"id"`
	Device  string `json:"device"` // what was mounted, "/dev/sda1"
	Type    string `json:"type"`
	Options string `json:"options"` // of the mount and of the file system, sorted
	Depth   int    `json:"depth"`   // mounts on this point, one over the other
}

func (m *Mount) readOnly() bool { return hasOption(m.Options, "ro") }

// A StorageSource tells what is mounted, unmounted, remounted or turned read-only. It
// sleeps in poll(2) on mountinfo, which the kernel wakes at every change of
// the mounts.
//
// A file system that turns itself read-only after an error does so without
// that notice (ext4, Btrfs): whoever sees it (statfs(2) tells) calls Recheck.
type StorageSource struct {
	tracker[Mount]
	path   string
	ignore []string
	nudge  chan struct{}
}

// NewStorageSource makes the source.
func NewStorageSource(o StorageOptions) *StorageSource {
	if o.MountInfo == "" {
		o.MountInfo = "/proc/self/mountinfo"
	}
	if o.Ignore == nil {
		o.Ignore = kernelTypes
	}
	s := &StorageSource{path: o.MountInfo, ignore: o.Ignore, nudge: make(chan struct{}, 1)}
	s.init("storage")
	s.describe = describeMount
	s.valid = func(key string, m Mount) error {
		if !strings.HasPrefix(key, "/") || m.Depth < 1 {
			return fmt.Errorf("no mount point: %q", key)
		}
		return nil
	}
	return s
}

// Recheck makes a running source read its state again.
func (s *StorageSource) Recheck() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// Run implements [Source].
func (s *StorageSource) Run(ctx context.Context, sink Sink) error {
	return s.guard(func() error { return s.run(ctx, sink) })
}

func (s *StorageSource) run(ctx context.Context, sink Sink) error {
	notices, err := OpenMountNotices(s.path)
	if err != nil {
		return err
	}
	defer notices.Close()
	done := make(chan struct{})
	waker := make(chan struct{})
	defer func() { close(done); <-waker }()
	go func() { // turns channels into something that poll(2) sees
		defer close(waker)
		for {
			select {
			case <-s.nudge:
				notices.Wake()
			case <-ctx.Done():
				notices.Wake()
				<-done
				return
			case <-done:
				return
			}
		}
	}()

	read := func() (map[string]Mount, error) { return s.read(notices.table) }
	catchUp := true
	for {
		if err := s.settle(ctx, sink, catchUp, read); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		s.set(SourceRunning, "")
		catchUp = false
		if err := notices.Wait(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// maxMountInfo bounds what is read: some 100 000 mounts.
const maxMountInfo = 16 << 20

func (s *StorageSource) read(f *os.File) (map[string]Mount, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", s.path, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxMountInfo+1))
	if err == nil && len(data) > maxMountInfo {
		err = errors.New("it is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", s.path, err)
	}
	mounts, err := parseMounts(data, s.ignore)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", s.path, err)
	}
	return mounts, nil
}

// parseMounts returns the uppermost mount of every mount point.
func parseMounts(data []byte, ignore []string) (map[string]Mount, error) {
	list, err := mountinfo.GetMountsFromReader(bytes.NewReader(data), func(i *mountinfo.Info) (skip, stop bool) {
		return slices.Contains(ignore, i.FSType), false
	})
	if err != nil {
		return nil, err
	}
	mounts := make(map[string]Mount, len(list))
	for _, i := range list { // in the order of mounting
		mounts[i.Mountpoint] = Mount{
			ID: i.ID, Device: i.Source, Type: i.FSType, Options: joinOptions(i.Options, i.VFSOptions),
			Depth: mounts[i.Mountpoint].Depth + 1,
		}
	}
	return mounts, nil
}

// joinOptions makes one sorted list, without those that are paths inside of
// file systems: everybody may read events. The file system's own "rw" says
// nothing beside the mount's; its "ro" makes the mount read-only.
func joinOptions(mount, super string) string {
	all := append(strings.Split(mount, ","), strings.Split(super, ",")...)
	if slices.Contains(all, "ro") {
		all = slices.DeleteFunc(all, func(o string) bool { return o == "rw" })
	}
	all = slices.DeleteFunc(all, func(o string) bool {
		name, _, _ := strings.Cut(o, "=")
		switch strings.TrimSuffix(name, "+") {
		case "", "subvol", "lowerdir", "upperdir", "workdir", "datadir":
			return true
		}
		return false
	})
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}

func hasOption(options, name string) bool {
	return slices.Contains(strings.Split(options, ","), name)
}

func describeMount(point string, old, now *Mount, catchUp bool) []Event {
	event := func(kind string, m *Mount, detail string) Event {
		return Event{
			Domain: Storage, Kind: kind, Subject: point, Detail: detail,
			Attributes: map[string]string{"device": m.Device, "type": m.Type, "options": m.Options},
		}
	}
	mounted := func() Event {
		return event("mounted", now, fmt.Sprintf("%s (%s)", now.Device, now.Type))
	}
	unmounted := func() Event {
		return event("unmounted", old, fmt.Sprintf("%s (%s)", old.Device, old.Type))
	}
	switch {
	case old == nil:
		return []Event{mounted()}
	case now == nil:
		return []Event{unmounted()}
	case now.Depth > old.Depth:
		return []Event{mounted()}
	case now.Depth < old.Depth:
		return []Event{unmounted()}
	// Numbers of mounts mean nothing in another mount namespace or boot.
	case now.Device != old.Device || now.Type != old.Type || now.ID != old.ID && !catchUp:
		return []Event{unmounted(), mounted()}
	case now.Options == old.Options:
		return nil
	}
	kind := "remounted"
	if now.readOnly() && !old.readOnly() {
		kind = "turned_read_only"
	}
	ev := event(kind, now, "")
	gone, come := optionChanges(old.Options, now.Options)
	ev.Attributes["options_removed"], ev.Attributes["options_added"] = gone, come
	ev.Detail = strings.TrimSpace(fmt.Sprintf("%s -> %s", gone, come))
	return []Event{ev}
}

func optionChanges(old, now string) (gone, come string) {
	was, is := strings.Split(old, ","), strings.Split(now, ",")
	without := func(list, other []string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(list), func(o string) bool {
			return slices.Contains(other, o)
		}), ",")
	}
	return without(was, is), without(is, was)
}

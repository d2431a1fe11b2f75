package btrfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// A Device is one device of a file system. What could not be read is nil or
// named in Devices.Missing.
type Device struct {
	ID   uint64
	UUID UUID
	Path string // "" for a missing device
	// Size is what the file system uses of the device, BlockSize (0 when
	// unknown) the device itself.
	Size, BlockSize uint64
	Allocated       uint64 // in chunks
	// Absent: the file system waits for it, degraded. Seed: it belongs to
	// the read-only file system below this one. Replacing: it is the target
	// of a running replace.
	Absent, Seed, Replacing bool
	Writable                bool
	Errors                  *DeviceErrors
}

// Unallocated is Size - Allocated. Not all of it need be usable: the first MiB
// never is, and chunks want contiguous room.
func (d Device) Unallocated() uint64 { return sub(d.Size, d.Allocated) }

// sub subtracts what may be larger, as figures of two moments can be.
func sub(a, b uint64) uint64 {
	if b > a {
		return 0
	}
	return a - b
}

// DeviceErrors are counted by the kernel since they were last reset, over
// mounts and reboots (DEV_STATS).
type DeviceErrors struct {
	Write, Read, Flush     uint64
	Corruption, Generation uint64
}

// Total is their sum.
func (e DeviceErrors) Total() uint64 {
	return e.Write + e.Read + e.Flush + e.Corruption + e.Generation
}

// Devices is the answer to FS.Devices.
type Devices struct {
	List    []Device // by id; ids may have holes
	Missing []Missing
}

// maxDevices bounds the search for device ids where sysfs does not list them.
const maxDevices = 1 << 16

// Devices reads all devices: missing ones, seeds and the target of a replace
// too. All of it is open to everybody.
func (fs *FS) Devices(ctx context.Context) (*Devices, error) {
	d := &Devices{}
	ids, err := fs.deviceIDs()
	if err != nil {
		addMissing(&d.Missing, missing("device states", err))
		i, err := readFSInfo(fs.kernel)
		if err != nil {
			return nil, err
		}
		for id := range min(i.MaxDeviceID, maxDevices) {
			ids = append(ids, id+1)
		}
	}
	var first error
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			addMissing(&d.Missing, missing("devices after the last in the list", err))
			break
		}
		dev, err := fs.device(id, d)
		if errors.Is(err, unix.ENODEV) {
			continue // a hole
		}
		if err != nil {
			first = cmpErr(first, err)
			addMissing(&d.Missing, missing(fmt.Sprintf("device %d", id), err))
			continue
		}
		d.List = append(d.List, dev)
	}
	if len(d.List) == 0 {
		return nil, fmt.Errorf("cannot read devices of %s: %w", fs.Path, cmpErr(first, unix.ENODEV))
	}
	return d, nil
}

// deviceIDs lists devinfo in sysfs (Linux 5.6), which knows holes and seeds.
func (fs *FS) deviceIDs() ([]uint64, error) {
	names, err := fs.sys.names("devinfo")
	if err != nil {
		return nil, err
	}
	var ids []uint64
	for _, n := range names {
		if id, err := strconv.ParseUint(n, 10, 64); err == nil && len(ids) < maxDevices {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if len(ids) == 0 {
		return nil, fmt.Errorf("no device in %s/devinfo", fs.sys)
	}
	return ids, nil
}

// devInfo is DEV_INFO (struct btrfs_ioctl_dev_info_args).
func (fs *FS) devInfo(id uint64) (Device, error) {
	var a [lenDevInfo]byte
	ne.PutUint64(a[0:], id)
	if err := fs.kernel.Ioctl(iocDevInfo, a[:]); err != nil {
		return Device{}, fmt.Errorf("cannot read device %d: %w", id, err)
	}
	return Device{
		ID: ne.Uint64(a[0:]), UUID: uuidAt(a[8:24]),
		Allocated: ne.Uint64(a[24:]), Size: ne.Uint64(a[32:]), Path: unix.ByteSliceToString(a[3072:]),
	}, nil
}

// OpenDevice opens a device for reading, by its id. Needs whatever its node in
// /dev asks for; a sandbox may have none. A recording has no devices.
func (fs *FS) OpenDevice(id uint64) (*os.File, error) {
	if fs.file == nil {
		return nil, fmt.Errorf("cannot open device %d: it is not this machine's: %w", id, unix.ENODEV)
	}
	d, err := fs.devInfo(id)
	if err != nil {
		return nil, err
	}
	if d.Path == "" {
		return nil, fmt.Errorf("cannot open device %d: it is missing: %w", id, unix.ENODEV)
	}
	f, err := os.OpenFile(d.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open device %d: %w", id, err)
	}
	var st unix.Stat_t
	switch err = unix.Fstat(int(f.Fd()), &st); {
	case err != nil:
	case st.Mode&unix.S_IFMT != unix.S_IFBLK:
		err = errors.New("it is no block device")
	case !fs.has(st.Rdev):
		err = errors.New("it is another device here")
	default:
		return f, nil
	}
	f.Close()
	return nil, fmt.Errorf("cannot open device %d: %s: %w", id, d.Path, err)
}

// has says whether a block device belongs to the file system, as far as sysfs can
// be seen. The path that the kernel gives is what the device was called once: now,
// or in this sandbox, that may be another one, and even a copy of this one.
func (fs *FS) has(number uint64) bool {
	names, err := fs.sys.names("devices")
	if err != nil {
		return true
	}
	want := fmt.Sprintf("%d:%d", unix.Major(number), unix.Minor(number))
	return slices.ContainsFunc(names, func(name string) bool {
		got, err := (fs.sys + sysDir("/devices/"+name)).text("dev")
		return err == nil && got == want
	})
}

// device is DEV_INFO, DEV_STATS and devinfo.
func (fs *FS) device(id uint64, list *Devices) (Device, error) {
	d, err := fs.devInfo(id)
	if err != nil {
		return Device{}, err
	}
	note := func(what string, err error) {
		if err != nil {
			addMissing(&list.Missing, missing(fmt.Sprintf("%s of device %d", what, id), err))
		}
	}
	info := fs.sys + sysDir(fmt.Sprintf("/devinfo/%d", id))
	d.Absent, err = info.flag("missing")
	if err != nil {
		note("state", err)
		d.Absent = d.Path == ""
	}
	d.Writable, err = info.flag("writeable")
	if err != nil { // Linux 5.6; before, and where it is hidden, the likely answer
		note("state", err)
		d.Writable = !d.Absent
	}
	d.Replacing, _ = info.flag("replace_target")
	if id, err := info.text("fsid"); err == nil { // Linux 5.17
		d.Seed = id != fs.FSID.String() && id != fs.metadataUUID().String()
	}
	if d.Absent {
		d.Path = ""
	}
	d.Errors, err = fs.deviceErrors(id, info)
	note("error counts", err)
	if d.Path != "" {
		d.BlockSize, err = fs.blockSize(d.Path)
		note("size", err)
	}
	return d, nil
}

// metadataUUID is the id that devices carry where it differs from FSID: the
// visible one was changed, or made up for a clone.
func (fs *FS) metadataUUID() UUID { return fs.info.MetadataUUID }

// deviceErrors asks the ioctl (struct btrfs_ioctl_get_dev_stats), and sysfs
// where the device is missing.
func (fs *FS) deviceErrors(id uint64, info sysDir) (*DeviceErrors, error) {
	var a [lenDevStats]byte
	ne.PutUint64(a[0:], id)
	ne.PutUint64(a[8:], 5)
	err := fs.kernel.Ioctl(iocGetDevStats, a[:])
	if err == nil {
		v := func(n int) uint64 { return ne.Uint64(a[24+8*n:]) }
		return &DeviceErrors{Write: v(0), Read: v(1), Flush: v(2), Corruption: v(3), Generation: v(4)}, nil
	}
	// A missing device has no valid counts; its file says "invalid".
	p, sysErr := info.pairs("error_stats")
	if sysErr != nil {
		return nil, err
	}
	return &DeviceErrors{
		Write: p["write_errs"], Read: p["read_errs"], Flush: p["flush_errs"],
		Corruption: p["corruption_errs"], Generation: p["generation_errs"],
	}, nil
}

// blockSize is the size of a block device, without opening it. A sandbox may
// have no device nodes: then the file system's own list of devices tells.
func (fs *FS) blockSize(path string) (uint64, error) {
	var st unix.Stat_t
	err := fmt.Errorf("it is not this machine's: %w", unix.ENOENT)
	if fs.file != nil { // a recording's paths mean other devices here
		err = unix.Stat(path, &st)
	}
	if err != nil {
		dir, ok := fs.sysDevice(filepath.Base(path))
		if !ok {
			return 0, fmt.Errorf("cannot look up %s: %w", path, err)
		}
		n, err := dir.number("size")
		return n * 512, err
	}
	dir := sysDir(fmt.Sprintf("%s/dev/block/%d:%d", fs.roots.sys(), unix.Major(st.Rdev), unix.Minor(st.Rdev)))
	n, err := dir.number("size")
	return n * 512, err
}

// sysDevice finds a device of the file system in sysfs by its name, which for
// the device mapper's is another one than the kernel's own.
func (fs *FS) sysDevice(name string) (sysDir, bool) {
	names, err := fs.sys.names("devices")
	if err != nil {
		return "", false
	}
	for _, n := range names {
		dir := fs.sys + sysDir("/devices/"+n)
		if n == name {
			return dir, true
		}
		if mapped, err := dir.text("dm/name"); err == nil && mapped == name {
			return dir, true
		}
	}
	return "", false
}

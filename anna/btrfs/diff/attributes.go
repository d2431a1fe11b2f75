package diff

import (
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// The words of Change.Attributes. The time of the last
// status change is none: it moves with every link. A directory's mtime counts
// only where its entries are the same, for otherwise they say why it moved.
const (
	attrMode       = "mode"
	attrOwner      = "owner"
	attrGroup      = "group"
	attrMtime      = "mtime"
	attrFlags      = "flags"
	attrACL        = "acl"
	attrCapability = "capability"
	attrCompress   = "compression"
	attrXattr      = "xattr"
	attrVerity     = "verity"
	attrDevice     = "device"
)

// visibleFlags are those that lsattr shows and that people set. That to compress
// comes with a property, which is compared; the kernel turns it off by itself
// where trying was no use.
const visibleFlags = btrfs.InodeNoDataCOW | btrfs.InodeSync | btrfs.InodeImmutable | btrfs.InodeAppend |
	btrfs.InodeNoDump | btrfs.InodeNoAtime | btrfs.InodeDirSync

// attributes names what differs between two inodes of the same type.
func attributes(a, b *node) []string {
	var list []string
	note := func(differ bool, name string) {
		if differ && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	note(a.Mode&0o7777 != b.Mode&0o7777, attrMode)
	note(a.UID != b.UID, attrOwner)
	note(a.GID != b.GID, attrGroup)
	note(!a.MTime.Equal(b.MTime), attrMtime)
	note((a.Flags^b.Flags)&visibleFlags != 0, attrFlags)
	note((a.Flags^b.Flags)&btrfs.InodeVerity != 0, attrVerity)
	device := a.kind() == CharDev || a.kind() == BlockDev
	note(device && a.Rdev != b.Rdev, attrDevice)
	x, y := a.xattrs, b.xattrs
	for len(x) > 0 || len(y) > 0 {
		switch {
		case len(y) == 0 || len(x) > 0 && x[0].name < y[0].name:
			note(true, attrOf(x[0].name))
			x = x[1:]
		case len(x) == 0 || y[0].name < x[0].name:
			note(true, attrOf(y[0].name))
			y = y[1:]
		default:
			note(x[0].value != y[0].value, attrOf(x[0].name))
			x, y = x[1:], y[1:]
		}
	}
	slices.Sort(list)
	return list
}

func attrOf(xattr string) string {
	switch {
	case strings.HasPrefix(xattr, "system.posix_acl_"):
		return attrACL
	case xattr == "security.capability":
		return attrCapability
	case xattr == "btrfs.compression":
		return attrCompress
	}
	return attrXattr
}

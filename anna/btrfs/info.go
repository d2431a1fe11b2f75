package btrfs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Info is what FS_INFO, GET_FEATURES and sysfs say of a file system as a whole.
// All of it is open to everybody.
type Info struct {
	FSID         UUID
	MetadataUUID UUID // on disk, where the visible one was changed
	// TempFSID says that FSID was made up at mount time, because a clone
	// with the same id was mounted already (Linux 6.7).
	TempFSID       bool
	Label          string
	Devices        uint64
	MaxDeviceID    uint64
	NodeSize       uint32
	SectorSize     uint32
	CloneAlignment uint32
	Checksum       string // crc32c, xxhash64, sha256, blake2b
	Generation     uint64
	Features       []string // names as in sysfs, sorted
	Missing        []Missing
}

// Has says whether a feature is on, by its name in sysfs.
func (i Info) Has(feature string) bool { return slices.Contains(i.Features, feature) }

// readFSInfo is FS_INFO (struct btrfs_ioctl_fs_info_args). Fields from nodesize
// on came with Linux 3.16, checksum 5.9, generation and metadata uuid 5.9/5.11:
// older kernels leave zeros.
func readFSInfo(k Kernel) (Info, error) {
	const wantCsum, wantGeneration, wantMetadataUUID = 1, 2, 4
	var a [lenFSInfo]byte
	ne.PutUint64(a[48:], wantCsum|wantGeneration|wantMetadataUUID)
	if err := k.Ioctl(iocFSInfo, a[:]); err != nil {
		return Info{}, fmt.Errorf("cannot read file system information: %w", err)
	}
	i := Info{
		MaxDeviceID: ne.Uint64(a[0:]), Devices: ne.Uint64(a[8:]), FSID: uuidAt(a[16:32]),
		NodeSize: ne.Uint32(a[32:]), SectorSize: ne.Uint32(a[36:]), CloneAlignment: ne.Uint32(a[40:]),
	}
	flags := ne.Uint64(a[48:])
	if flags&wantCsum != 0 {
		i.Checksum = checksumName(ne.Uint16(a[44:]))
	}
	if flags&wantGeneration != 0 {
		i.Generation = ne.Uint64(a[56:])
	}
	if flags&wantMetadataUUID != 0 {
		i.MetadataUUID = uuidAt(a[64:80])
	}
	return i, nil
}

func checksumName(n uint16) string {
	names := []string{"crc32c", "xxhash64", "sha256", "blake2b"}
	if int(n) < len(names) {
		return names[n]
	}
	return "checksum-" + strconv.Itoa(int(n))
}

// Info asks anew. An error means that the file system no longer answers.
func (fs *FS) Info() (Info, error) {
	i, err := readFSInfo(fs.kernel)
	if err != nil {
		return i, err
	}
	note := func(what string, err error) {
		if err != nil {
			addMissing(&i.Missing, missing(what, err))
		}
	}
	i.Label, err = fs.sys.text("label")
	note("label", err)
	// Absent before Linux 6.7, when no clone could be mounted.
	i.TempFSID, _ = fs.sys.flag("temp_fsid")
	if i.Checksum == "" {
		s, err := fs.sys.text("checksum")
		note("checksum", err)
		i.Checksum, _, _ = strings.Cut(s, " ")
	}
	if i.Generation == 0 {
		i.Generation, err = fs.sys.number("generation")
		note("generation", err)
	}
	i.Features, err = fs.features()
	note("features", err)
	return i, nil
}

// compatRO and incompat name the feature bits as sysfs does.
var (
	compatRO = map[uint]string{0: "free_space_tree", 1: "free_space_tree_valid", 2: "verity", 3: "block_group_tree"}
	incompat = map[uint]string{
		0: "mixed_backref", 1: "default_subvol", 2: "mixed_groups", 3: "compress_lzo", 4: "compress_zstd",
		5: "big_metadata", 6: "extended_iref", 7: "raid56", 8: "skinny_metadata", 9: "no_holes",
		10: "metadata_uuid", 11: "raid1c34", 12: "zoned", 13: "extent_tree_v2", 14: "raid_stripe_tree", 16: "simple_quota",
	}
)

// features is GET_FEATURES (struct btrfs_ioctl_feature_flags): compat,
// compat_ro, incompat.
func (fs *FS) features() ([]string, error) {
	var a [lenFeatures]byte
	if err := fs.kernel.Ioctl(iocGetFeatures, a[:]); err != nil {
		return nil, err
	}
	var list []string
	add := func(word string, bits uint64, names map[uint]string) {
		for n := range uint(64) {
			if bits>>n&1 == 0 {
				continue
			}
			if name, ok := names[n]; ok {
				list = append(list, name)
			} else {
				list = append(list, fmt.Sprintf("%s-%d", word, n))
			}
		}
	}
	add("compat", ne.Uint64(a[0:]), nil)
	add("compat_ro", ne.Uint64(a[8:]), compatRO)
	add("incompat", ne.Uint64(a[16:]), incompat)
	slices.Sort(list)
	return list, nil
}

// Package btrfs reads Btrfs file systems through the kernel's own interface:
// ioctls, /sys/fs/btrfs and mountinfo. It runs no other program, parses no
// other program's text, needs no C, logs nothing and changes nothing, except
// where a caller starts a scrub or a balance by name.
//
// # Layers
//
//   - [Kernel] is one method, Ioctl: the running kernel, a [Recorder] around
//     it, or a [Replay] of what was recorded.
//   - [Scanner] and [Cursor] read tree items with TREE_SEARCH_V2. What is easy
//     to get wrong there (the compound key, buffers, transids) is in this one
//     place; everything above only sees items inside the range it asked for.
//   - [ParseRootItem] and its kin decode items, by offset, from bytes that may
//     be damaged.
//   - [FS] answers questions: [FS.Info], [FS.Devices], [FS.Subvolumes],
//     [FS.Space], [FS.BlockGroups], [FS.Operations], [FS.Quota], [FS.State].
//   - [List] finds the mounted file systems in a mountinfo file.
//
// # Partial answers
//
// A caller without CAP_SYS_ADMIN, an older kernel, a device that fails or a
// file system that goes away costs only the figures concerned. Answers carry a
// list of [Missing] that names each of them, the cause and what would make it
// known. An error is returned only when nothing at all could be said.
//
// # Safety
//
// TREE_SEARCH ignores file permissions: names in an answer may be such as the
// person who asks could not read. A service must decide by its caller's
// credentials what to hand on.
//
// Sizes are bytes, sizes of profiles are logical bytes unless said otherwise.
// The facts come from the kernel's include/uapi/linux/btrfs.h, btrfs_tree.h,
// Documentation/ABI and fs/btrfs. An FS may be used by several goroutines at
// once; a Scanner and its Cursor by one. It is for machines of 64 bits.
package btrfs

// Package diff says what differs between two subvolumes of a Btrfs file system:
// exactly, without creating anything, without reading files, and also where a
// side is in use.
//
//	report, err := diff.Run(ctx, fs, from, to, diff.Options{}, func(c diff.Change) error {
//		return print(c)
//	})
//
// # How
//
// Two subvolumes that descend from one another, or from a third, share the
// nodes of their trees that neither has written since they parted. Engine
// [Tree] searches both trees for inodes written since that generation, which
// the kernel prunes by whole nodes. What was deleted leaves no such inode; it is
// found in the directory that lost the name, whose inode was written. A side that
// nobody wrote since they parted is not searched: that is known of a read-only one
// by the generation in its root at which an inode was written last. Where a balance
// has made every node new, or the generation is not known, the upper nodes of both
// trees are read from the devices, and only what lies below nodes that one side
// alone has is searched (package nodes). Engine [Send] has the kernel's send name
// the inodes instead, which also skips what both share: for when nodes cannot be
// read. It needs both sides read-only. Engine [Paths] is for what is not related.
// [Auto] chooses. All of them hand candidates to one classifier, which compares
// the two states of an inode; a candidate that is the same on both sides costs
// time, and tells nothing.
//
// # Where to read
//
// [Run] (run.go) opens both sides (side.go), finds out how they are related
// (relation.go) and chooses the engine (choose.go) and where to search (survey.go).
// An engine has a source of
// candidates: scan.go for Tree, with window.go and reader.go, which read many
// inodes by one call; sent.go for Send, with overlay.go, which follows its stream;
// walk.go for Paths. Both first ones share the work among some goroutines
// (spread.go). The classifier begins in engine.go: an inode of both sides goes
// through pair.go (attributes.go, content.go with extents.go and sums.go, dirs.go
// with entries.go), one of a single side through alone.go with namesake.go, nested
// subvolumes through nested.go. tree.go answers point questions, feed.go gives the items of
// an inode, node.go makes an inode of them.
//
// # What is the same
//
// An inode is known by its number and generation, if it was there when the sides
// parted: wherever it moves, it is [Renamed]. What is below a moved directory did
// not move in it. An inode that only one side has, at a place where the other
// has another one of its own, is [Replaced] (a save by renaming), or
// [TypeChanged]. A place is a name in a directory, and a directory is the same
// place when it is the same inode or replaced the other.
//
// Contents are compared by where they are stored and by checksums. What that
// leaves open is said: a change may be [Modified] with [ContentUnknown]. Only the
// last sector of a file is read where its checksum differs, for it covers what
// lies behind the end.
//
// The other way round, the same changes come out inverted ([Change.Invert]).
// Changes are not sorted. Memory is bounded but for what Send gathers before it
// compares (a bit for each candidate, about, and the names that its stream makes
// or removes), the names of one inode, the length of paths, and nested subvolumes
// that were made, moved or removed.
//
// # A side that is in use
//
// Run first writes out what is pending. [Report.Changing] says that a side was
// written to meanwhile; even reading a file may do that, by its access time. What
// the kernel does by itself (removing the inodes of deleted files, a balance) is no
// writing.
//
// # Limits
//
// Names bypass file permissions: see package btrfs. Contents of nested
// subvolumes are not looked at. Times of access and of the last status change
// are no changes; a directory's time of modification is one only where its
// entries are the same. What chattr's "no compression" says is not told, for the
// kernel sets it by itself. What the kernel restores from a log after a crash is not
// in a root's generation of the last change: a read-only side that was made writable,
// changed by nothing but that, and closed again, passes for one that nobody wrote.
// Where the snapshot that two sides parted at is gone, what both made since with one
// number, in one tick of the clock, passes for one inode, unless it is younger than
// all that can have been in common. While a balance moves data, what was written anew
// with the same bytes may be told as changed: an address that was looked up can hold
// something else by the time its checksum is.
package diff

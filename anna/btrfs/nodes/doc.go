// Package nodes reads the upper nodes of a file system's trees from its devices,
// past the kernel. The kernel tells what items a tree has, and not where its
// nodes lie: only the nodes themselves tell which of them two trees share.
//
//	r, err := nodes.Open(ctx, fs, info)
//	if err != nil {
//		return err // no device to read, or a kind of checksum that cannot be made
//	}
//	defer r.Close()
//	parts, err := r.Apart(ctx, a, b, most)
//
// [Reader.Apart] says where two trees differ: the ranges of keys below nodes that
// only one of them has. What one has outside of them the other has too, for it is
// one and the same node. That is what the kernel's send does, and holds whatever a
// balance has rewritten, where a generation says nothing any more. Leaves are not
// read: of a tree of 100 MiB it takes some twenty nodes.
//
// # Why what is read can be believed
//
// A tree is read as its root item says that it was committed: the caller has that
// from the kernel. Btrfs never writes in place, and gives no address out twice in a
// transaction once something was written there (fs/btrfs/extent-tree.c,
// btrfs_free_tree_block). So an address and a generation name one content, and a
// node of that address and generation whose checksum holds is the node that its
// parent means, whatever happens meanwhile; whichever cache it comes from. (Only
// what a crash undid has its generation given out anew. It is in no cache by then,
// and a copy on a device that missed the writes since deceives the kernel as well.)
//
// One that is none of that is read again past the cache, then from another copy, and
// then there is an error: also where a node lies on a device that belonged to a seed,
// for it carries the seed's id. The caller goes on without, then: nothing here
// makes anything right that would be wrong otherwise, it saves reading.
//
// What is written after that root item was read is not seen. Who compares a side
// that is in use has to look for that anyway.
package nodes

package storage

import "github.com/jjgarcianorway/anna-assistant/anna/btrfs"

// stateDeleted is the state of a subvolume that is known only because others
// name it as what they were made from.
const stateDeleted = "deleted"

// stateClosed is the state of a subvolume that the caller may not look into: all
// that is known is its id and, perhaps, its name.
const stateClosed = "closed"

// nestByAncestry hangs each snapshot below what it was made from. Where that is
// deleted and not freed yet, its own origin is still known: unless pending
// subvolumes are shown the snapshot is linked over it, to the nearest ancestor
// that is left. Where it is gone altogether a node stands for it, so that those
// made from the same are still seen together; what that was made from, nobody
// knows any more.
func nestByAncestry(nodes, pending []*Node, showPending bool) []*Node {
	byUUID := make(map[string]*Node, len(nodes))
	take := func(list []*Node) {
		for _, n := range list {
			if n.UUID != "" && byUUID[n.UUID] == nil {
				byUUID[n.UUID] = n
			}
		}
	}
	take(nodes)
	take(pending)
	hidden := func(n *Node) bool { return !showPending && n.State == string(btrfs.Pending) }
	if showPending {
		nodes = append(nodes, pending...)
	}
	ghosts := map[string]*Node{}
	var made []*Node
	above := map[*Node]*Node{}
	for _, n := range nodes {
		origin := n.ParentUUID
		seen := map[string]bool{}
		for origin != "" && !seen[origin] {
			seen[origin] = true
			up := byUUID[origin]
			if up == nil {
				break
			}
			if !hidden(up) {
				above[n] = up
				break
			}
			n.Over = append(n.Over, origin)
			origin = up.ParentUUID
		}
		if above[n] != nil || origin == "" || byUUID[origin] != nil {
			continue
		}
		g := ghosts[origin]
		if g == nil {
			g = &Node{UUID: origin, State: stateDeleted, Children: []*Node{}, Reach: []Reach{}, Mounts: []Mount{}}
			ghosts[origin] = g
			made = append(made, g)
		}
		above[n] = g
	}
	return nest(append(nodes, made...), func(n *Node) *Node { return above[n] })
}

package btrfs

import (
	"cmp"
	"slices"
)

// An Advice is what can be said about a balance.
type Advice string

// The advice there is.
const (
	// AdviceNone: there is room for new chunks, a balance would only wear the
	// disk.
	AdviceNone Advice = "none"
	// AdviceBalance: the steps gain room with the least work.
	AdviceBalance Advice = "balance"
	// AdviceOther: room is short, and a balance would fail or gain nothing.
	AdviceOther Advice = "other"
	// AdviceUnknown: room is short, and what a balance would do is not known.
	AdviceUnknown Advice = "unknown"
)

// A Reason is why a balance is no help.
type Reason string

// The reasons there are.
const (
	ReasonEnough     Reason = "enough"        // nothing is short
	ReasonMixed      Reason = "mixed"         // data and metadata share chunks
	ReasonReadOnly   Reason = "read_only"     // nothing can be written
	ReasonFull       Reason = "full"          // chunks have no room left to move anything into
	ReasonScattered  Reason = "scattered"     // there is room, but in pieces smaller than the extents
	ReasonMetadata   Reason = "metadata_full" // metadata has not even the room that a balance needs
	ReasonNoGain     Reason = "no_gain"       // what could be freed makes no chunk in the profile needed
	ReasonUnfinished Reason = "conversion"    // chunks in several profiles: a conversion waits to be finished
	ReasonUnseen     Reason = "unseen"        // block groups cannot be read
)

// A BalanceCase is what a plan is made from.
type BalanceCase struct {
	Space   *Space
	Groups  []BlockGroup // all of them; nil: they cannot be read
	Devices []Device
	// NodeSize is the file system's; 0 for the usual.
	NodeSize uint32
	ReadOnly bool
	// Want is how much more metadata should be possible to write at least,
	// WantData likewise of data. See [WantedHeadroom].
	Want, WantData uint64
	// Layout says how a block group is filled. It is asked for few: the
	// emptiest, and those that take in what they hold.
	Layout func(BlockGroup) (*Layout, error)
}

// A BalancePlan is the advice with its figures.
type BalancePlan struct {
	Advice Advice
	Reason Reason // "" with AdviceBalance
	// Short: the headroom of metadata is below what is wanted. Without it, what
	// is short is room for a new chunk alone.
	Short bool
	// ShortData: data is what is short, and metadata has chunks to spare.
	ShortData bool
	Want      uint64
	Type      Profile // Data or Metadata: of the block groups to move
	Steps     []BalanceStep
	Moved     uint64 // bytes that the steps move, each copy counted once
	// Gained is how many raw bytes become unallocated, without the Made that the
	// kernel allocates anew: a chunk for extents of a size that no other takes.
	Gained, Made uint64
	// Headroom and Free are that of metadata and of data afterwards.
	Headroom int64
	Free     uint64
	Reached  bool   // afterwards it is as wanted
	Needs    uint64 // with ReasonMetadata: room that a balance needs
	Has      uint64 // and what there is
}

// A BalanceStep is one run of balance: a filter vrange=Start..End of one type.
type BalanceStep struct {
	Start, End uint64
	Groups     int
	Moved      uint64
	Gained     uint64 // raw
}

// maxPlanned bounds the block groups of one plan: who has moved so many looks
// again.
const maxPlanned = 16

// maxReceivers bounds the block groups that are read to find room in.
const maxReceivers = 64

// PlanBalance says whether a balance is worth its while, and which. It is pure
// but for Layout.
func PlanBalance(c BalanceCase) BalancePlan {
	p := planner{BalanceCase: c, node: uint64(max(c.NodeSize, 4096))}
	if c.NodeSize == 0 {
		p.node = 16 << 10
	}
	return p.plan()
}

// WantedHeadroom is how much metadata should be possible to write at least: one
// chunk, or the configured size where a twentieth of the devices is not less,
// or what a trend (bytes a day, negative when it shrinks) takes in a week.
func WantedHeadroom(s *Space, configured uint64, trend float64) uint64 {
	want := max(chunkOf(s, Metadata), min(configured, s.DeviceSize/20))
	if week := -trend * 7; week > 0 {
		want = max(want, uint64(min(week, float64(s.DeviceSize/4))))
	}
	return want
}

// WantedFree is the same for data, without chunk and trend: a disk that fills up
// is no business of a balance.
func WantedFree(s *Space, configured uint64) uint64 { return min(configured, s.DeviceSize/20) }

// chunkOf is the size of the next chunk of a type, where there is room for it.
func chunkOf(s *Space, t Profile) uint64 {
	ts := s.Type(t)
	if ts == nil {
		return 0
	}
	a := Allocator{ChunkSize: ts.ChunkSize, Writable: s.DeviceSize}
	limit, _ := a.limits(ts.Next)
	return limit
}

type planner struct {
	BalanceCase
	node  uint64
	gone  map[uint64]bool // block groups that the steps removed
	made  int             // data chunks that the kernel makes meanwhile
	could uint64          // what metadata could allocate after them
	// moving is the largest extent of each class in a block group to be moved.
	moving map[uint64][classLarge + 1]uint64
}

func (p *planner) plan() BalancePlan {
	meta, data := p.Space.Type(Metadata), p.Space.Type(Data)
	out := BalancePlan{Advice: AdviceNone, Reason: ReasonEnough, Want: p.Want, Headroom: p.Space.Headroom.Bytes}
	if meta == nil || data == nil {
		out.Advice, out.Reason = AdviceUnknown, ReasonUnseen
		return out
	}
	out.Free = data.Free()
	if meta.Type == data.Type {
		out.Reason = ReasonMixed
		return out
	}
	out.Short = below(p.Space.Headroom.Bytes, p.Want)
	chunk := chunkOf(p.Space, Metadata)
	out.ShortData = !out.Short && data.Free() < p.WantData && meta.Slack() > data.Slack()
	if !out.Short && !out.ShortData && meta.Could.Bytes >= chunk {
		return out
	}
	out.Type = Data
	if out.ShortData {
		out.Type = Metadata
	}
	switch {
	case p.ReadOnly:
		return out.other(ReasonReadOnly)
	case len(p.Groups) == 0:
		out.Advice, out.Reason = AdviceUnknown, ReasonUnseen
		return out
	}
	p.choose(&out)
	return out
}

func below(n int64, than uint64) bool { return n < 0 || uint64(n) < than }

func (b BalancePlan) other(r Reason) BalancePlan {
	b.Advice, b.Reason = AdviceOther, r
	return b
}

// choose takes the least used block groups, one after the other, until there is
// as much room as is wanted, or nothing more can be moved.
func (p *planner) choose(out *BalancePlan) {
	p.gone, p.could = map[uint64]bool{}, p.Space.Type(Metadata).Could.Bytes
	p.moving = map[uint64][classLarge + 1]uint64{}
	list, split := p.candidates(out.Type)
	room := &receivers{p: p, free: p.space(out.Type)}
	room.list(list)
	none := len(list) == 0
	var chosen []BlockGroup
	why := ReasonFull
	for more := true; more; {
		chosen, list, why = p.gather(list, chosen, out, room, why)
		// Chunks that are made meanwhile take of what was gained: more is needed.
		made := p.chunks(chosen, room)
		more = made > p.made && len(list) > 0
		p.made = made
		p.after(out)
	}
	chosen = p.prune(chosen, out)
	p.made = p.chunks(chosen, room)
	p.after(out)
	for _, g := range chosen {
		out.Moved += g.Used
	}
	out.Reached = p.reached(out)
	gained := out.Headroom > p.Space.Headroom.Bytes
	if out.ShortData {
		gained = out.Free > p.Space.Type(Data).Free()
	}
	switch {
	case len(chosen) > 0 && gained && out.Gained > 0:
		out.Advice, out.Reason = AdviceBalance, ""
		out.Needs, out.Has = 0, 0
		out.Steps = steps(chosen, p.Groups, out.Type)
		return
	case len(chosen) > 0:
		why = ReasonNoGain
	case why == ReasonUnseen:
		out.Advice = AdviceUnknown
	case none && split:
		why = ReasonUnfinished
	}
	out.Moved, out.Gained, out.Made = 0, 0, 0
	out.Headroom, out.Free = p.Space.Headroom.Bytes, p.Space.Type(Data).Free()
	if out.Advice != AdviceUnknown {
		out.Advice = AdviceOther
	}
	out.Reason = why
}

// gather adds to the chosen block groups, in the order of the steps, until it is
// reached. It returns what is left of the list; nothing where there is no use in
// going on.
func (p *planner) gather(list, chosen []BlockGroup, out *BalancePlan, room *receivers, why Reason) (_, rest []BlockGroup, _ Reason) {
	for len(list) > 0 && len(chosen) < maxPlanned && !p.reached(out) {
		g := list[0]
		list = list[1:]
		ok, reason := p.movable(g, out, room)
		switch {
		case ok:
			p.gone[g.Start] = true
			chosen = append(chosen, g)
			p.after(out)
		case reason == ReasonUnseen, reason == ReasonMetadata: // the next one needs no less
			return inOrder(chosen), nil, reason
		case len(chosen) == 0 && why == ReasonFull:
			why = reason
		}
	}
	if len(chosen) == maxPlanned {
		list = nil
	}
	return inOrder(chosen), list, why
}

// inOrder puts the last block groups first, as a balance itself goes and for the
// same reason: what moves goes into the first ones, and should not be moved
// twice.
func inOrder(chosen []BlockGroup) []BlockGroup {
	slices.SortFunc(chosen, func(x, y BlockGroup) int { return cmp.Compare(y.Start, x.Start) })
	return chosen
}

// candidates are the block groups of a type, the least used first, and of those
// as little used the last one first: the kernel fills the first. Whoever is in
// another profile than new chunks get would have a new chunk made for it.
func (p *planner) candidates(t Profile) (list []BlockGroup, split bool) {
	next := p.Space.Type(t).Next
	for _, g := range p.Groups {
		switch {
		case g.Profile&t == 0 || !g.Known || g.Used > g.Length || g.Length == 0:
		case g.Profile != next:
			split = true
		default:
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(x, y BlockGroup) int {
		return cmp.Or(cmp.Compare(x.Usage(), y.Usage()), cmp.Compare(y.Start, x.Start))
	})
	return list, split
}

// space is what chunks of a type can still take now, without what writers have
// reserved.
func (p *planner) space(t Profile) uint64 {
	ts := p.Space.Type(t)
	taken := ts.Reserved + ts.MayUse
	if t == Metadata { // the kernel counts its reserve as reserved
		taken = max(taken, p.Space.GlobalReserve)
	}
	return sub(ts.Slack(), taken)
}

// reached says whether there is as much room as is wanted.
func (p *planner) reached(out *BalancePlan) bool {
	if out.ShortData {
		return out.Free >= p.WantData
	}
	return !below(out.Headroom, p.Want) && p.could >= chunkOf(p.Space, Metadata)
}

// What a balance needs of metadata: relocation reserves 256 nodes before it
// begins and an inode's worth on top (RELOCATION_RESERVED_NODES,
// create_reloc_inode); and it writes the leaves that refer to what it moves, of
// which as many as refs, but not all at once.
const (
	nodesToBegin = 384
	nodesToMove  = 1024
)

// movable says whether the kernel could move what a block group holds into
// chunks that exist.
func (p *planner) movable(g BlockGroup, out *BalancePlan, room *receivers) (bool, Reason) {
	meta := p.Space.Type(Metadata)
	has := p.space(Metadata) + meta.Could.Bytes
	var l *Layout
	needs := uint64(nodesToBegin)
	if out.Type == Data && g.Used > 0 && p.Layout != nil {
		var err error
		if l, err = p.Layout(g); err != nil {
			return false, ReasonUnseen
		}
		needs += min(l.Refs, nodesToMove)
	}
	needs *= p.node
	if has < needs {
		out.Needs, out.Has = needs, has
		return false, ReasonMetadata
	}
	if out.Type == Metadata {
		// What stays must hold what there is, and all that is wanted besides,
		// without a new chunk: data will take what is gained.
		if room.free < g.Length || room.free-g.Length < max(p.Want, needs) {
			return false, ReasonFull
		}
		room.free -= g.Length
		return true, ""
	}
	if l == nil && g.Used > 0 {
		return false, ReasonUnseen
	}
	if l != nil {
		p.moving[g.Start] = l.classes()
	}
	return room.take(g, l)
}

// prune leaves out of the chosen block groups those without which it is reached
// as well, the smallest first: a small one was chosen for being empty, and then
// a large one was needed all the same.
func (p *planner) prune(chosen []BlockGroup, out *BalancePlan) []BlockGroup {
	if !p.reached(out) {
		return chosen
	}
	order := slices.SortedStableFunc(slices.Values(chosen), func(x, y BlockGroup) int { return cmp.Compare(x.raw(), y.raw()) })
	for _, g := range order {
		delete(p.gone, g.Start)
		if p.after(out); !p.reached(out) {
			p.gone[g.Start] = true
		}
	}
	p.after(out)
	return slices.DeleteFunc(chosen, func(g BlockGroup) bool { return !p.gone[g.Start] })
}

func (p *planner) allocator(t *TypeSpace, rooms []Room) Allocator {
	return Allocator{Rooms: rooms, ChunkSize: t.ChunkSize, Writable: p.Space.DeviceSize, NodeSize: uint32(p.node)}
}

// after works out what there is when the block groups in gone are: their places
// on the devices are free then.
func (p *planner) after(out *BalancePlan) {
	meta, data := p.Space.Type(Metadata), p.Space.Type(Data)
	rooms := p.rooms(p.gone)
	anew, raw := p.make(rooms, p.made)
	var lost, gained uint64
	for _, g := range p.Groups {
		if p.gone[g.Start] {
			lost += g.Length
			gained += g.raw()
		}
	}
	metaSlack, dataSlack := meta.Slack(), data.Slack()+anew
	if out.Type == Metadata {
		metaSlack = sub(metaSlack, lost)
	} else {
		dataSlack = sub(dataSlack, lost)
	}
	p.could = p.allocator(meta, rooms).Fill(meta.Next).Bytes
	const most = 1 << 62
	out.Headroom = int64(min(metaSlack, most)) + int64(min(p.could, most)) - int64(min(p.Space.GlobalReserve, most))
	out.Free = dataSlack + p.allocator(data, rooms).Fill(data.Next).Bytes
	out.Gained, out.Made = sub(gained, raw), raw
}

// rooms are the free ranges of the devices when some block groups are gone.
func (p *planner) rooms(gone map[uint64]bool) []Room {
	used := map[uint64][]Span{}
	for _, g := range p.Groups {
		if gone[g.Start] {
			continue
		}
		for _, s := range g.Stripes {
			used[s.Device] = append(used[s.Device], Span{s.Offset, g.stripe()})
		}
	}
	var out []Room
	for _, d := range p.Devices {
		if d.Absent || d.Seed || d.Replacing || !d.Writable {
			continue
		}
		list := used[d.ID]
		slices.SortFunc(list, func(x, y Span) int { return cmp.Compare(x.Start, y.Start) })
		r, at := Room{Device: d.ID}, uint64(reservedStart)
		for _, s := range append(list, Span{Start: d.Size}) {
			if s.Start > at {
				r.Holes = append(r.Holes, s.Start-at)
			}
			if s.Length > ^uint64(0)-s.Start {
				break // no device is so long
			}
			at = max(at, s.Start+s.Length)
		}
		out = append(out, r)
	}
	return out
}

// stripe is how much of each device a block group takes per stripe.
func (b BlockGroup) stripe() uint64 {
	l, ok := b.Profile.placement()
	n := uint64(len(b.Stripes))
	if !ok || n <= l.parity {
		return b.Length
	}
	return b.Length / max(1, (n-l.parity)/l.copies)
}

// raw is what a block group takes on all devices together.
func (b BlockGroup) raw() uint64 { return mul(b.stripe(), uint64(len(b.Stripes))) }

// steps puts block groups, in order, into runs of balance: those between which
// there is no other of their type in one.
func steps(chosen, all []BlockGroup, t Profile) []BalanceStep {
	between := func(from, to uint64) bool {
		return slices.ContainsFunc(all, func(g BlockGroup) bool {
			return g.Profile&t != 0 && g.Start >= from && g.Start < to
		})
	}
	var out []BalanceStep
	for _, g := range chosen {
		if n := len(out); n > 0 && !between(g.Start+g.Length, out[n-1].Start) {
			s := &out[n-1]
			s.Start, s.Groups = g.Start, s.Groups+1
			s.Moved += g.Used
			s.Gained += g.raw()
			continue
		}
		out = append(out, BalanceStep{Start: g.Start, End: g.Start + g.Length, Groups: 1, Moved: g.Used, Gained: g.raw()})
	}
	return out
}

package btrfs

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A world is an invented file system: its block groups lie one after the
// other on the devices, their extents at random.
type world struct {
	c       BalanceCase
	layouts map[uint64]*Layout
	asked   int
}

// invent makes a file system out of random numbers: chunks of data and metadata
// until the devices are full, or nearly.
func invent(r *rand.Rand) *world {
	w := &world{layouts: map[uint64]*Layout{}}
	profiles := []Profile{Single, DUP, RAID1, RAID0}
	dataRaid, metaRaid := profiles[r.IntN(4)], profiles[r.IntN(3)]
	devices := 2 + r.IntN(2)
	size := uint64(4+r.IntN(20)) << 30
	at := make([]uint64, devices)
	for i := range devices {
		at[i] = reservedStart
		w.c.Devices = append(w.c.Devices, Device{ID: uint64(i + 1), Size: size, Writable: true})
	}
	space := &Space{DeviceSize: size * uint64(devices), Exact: true, GlobalReserve: uint64(r.IntN(512)) << 20}
	meta, data := TypeSpace{Type: Metadata, Next: Metadata | metaRaid}, TypeSpace{Type: Data, Next: Data | dataRaid}
	logical := uint64(1 << 30)
	metaShare, fillTo, usage := r.Float64()*0.5, min(1, r.Float64()*1.5+0.5), r.Float64()
	metaUse := r.Float64()
	for range 400 {
		t, raid, use := &data, dataRaid, min(1, 2*usage*(0.4+r.Float64()))
		if r.Float64() < metaShare {
			t, raid, use = &meta, metaRaid, metaUse
		}
		g := BlockGroup{Start: logical, Length: uint64(64+r.IntN(960)) << 20, Known: true, Profile: t.Type | raid}
		order := r.Perm(devices)
		places := order[:1]
		switch raid {
		case DUP:
			places = []int{order[0], order[0]}
		case RAID1, RAID0:
			places = order[:2]
		}
		stripes := make([]Stripe, len(places))
		g.Stripes = stripes
		full := false
		for i, d := range places {
			stripes[i] = Stripe{Device: uint64(d + 1), Offset: at[d]}
			at[d] += g.stripe()
			full = full || float64(at[d]) > fillTo*float64(size) || at[d] > size
		}
		if full {
			for _, d := range places {
				at[d] -= g.stripe()
			}
			continue
		}
		l := &Layout{}
		for pos := g.Start; pos < g.Start+g.Length; {
			n := min(uint64(1+r.IntN(8<<10))*4096, g.Start+g.Length-pos)
			if r.Float64() < use {
				l.Extents = append(l.Extents, Span{pos, n})
				l.Refs++
				g.Used += n
			} else {
				l.Holes = append(l.Holes, Span{pos, n})
			}
			pos += n
		}
		w.layouts[g.Start] = l
		t.Total += g.Length
		t.Used += g.Used
		logical += g.Length
		w.c.Groups = append(w.c.Groups, g)
	}
	space.Types = []TypeSpace{data, meta}
	w.c.Space = space
	space.Rooms = (&planner{BalanceCase: w.c}).rooms(nil)
	fs := &FS{info: Info{NodeSize: 16 << 10}}
	for i := range space.Types {
		space.Types[i].Profiles = []ProfileSpace{{Profile: space.Types[i].Next}}
	}
	space.simulate(fs)
	for i := range space.Types { // as many devices as there are reduce nothing
		t := &space.Types[i]
		t.Could = Allocator{Rooms: space.Rooms, Writable: space.DeviceSize, NodeSize: 16 << 10}.Fill(t.Next)
	}
	for _, room := range space.Rooms {
		space.Unallocated += room.total()
	}
	w.c.Want, w.c.WantData = WantedHeadroom(space, 1<<30, 0), WantedFree(space, 1<<30)
	w.c.Layout = func(g BlockGroup) (*Layout, error) { w.asked++; return w.layouts[g.Start], nil }
	return w
}

// TestPlans invents many file systems and holds every plan to what it must keep,
// worked out anew from the block groups.
func TestPlans(t *testing.T) {
	advice := map[Advice]int{}
	reasons := map[Reason]int{}
	for seed := range uint64(600) {
		w := invent(rand.New(rand.NewPCG(seed, 1)))
		p := PlanBalance(w.c)
		advice[p.Advice]++
		reasons[p.Reason]++
		w.check(t, seed, p)
		if t.Failed() {
			return
		}
	}
	t.Log(advice, reasons)
	for _, a := range []Advice{AdviceNone, AdviceBalance, AdviceOther} {
		if advice[a] < 20 {
			t.Errorf("only %d plans say %s: the invented file systems show too little", advice[a], a)
		}
	}
}

func (w *world) check(t *testing.T, seed uint64, p BalancePlan) {
	t.Helper()
	s := w.c.Space
	data, meta := s.Type(Data), s.Type(Metadata)
	if (p.Advice == AdviceBalance) != (len(p.Steps) > 0) || (p.Advice == AdviceBalance) != (p.Reason == "") {
		t.Errorf("seed %d: %+v", seed, p)
	}
	if p.Advice == AdviceNone && (s.Headroom.Bytes < int64(w.c.Want) || meta.Could.Bytes < chunkOf(s, Metadata)) {
		t.Errorf("seed %d: room is short, and that is no news: %+v", seed, p)
	}
	if p.Advice != AdviceBalance {
		if p.Moved != 0 || p.Gained != 0 {
			t.Errorf("seed %d: figures without a plan: %+v", seed, p)
		}
		return
	}
	if p.Type == Metadata && s.Headroom.Bytes < int64(w.c.Want) {
		t.Errorf("seed %d: metadata is short and is to be balanced: %+v", seed, p)
	}
	ts := data
	if p.Type == Metadata {
		ts = meta
	}
	var moved, length, raw uint64
	var gone, left []BlockGroup
	last := ^uint64(0)
	for _, step := range p.Steps {
		if step.End > last || step.Start >= step.End {
			t.Errorf("seed %d: steps out of order: %+v", seed, p.Steps)
		}
		last = step.Start
	}
	for _, g := range w.c.Groups {
		n := 0
		for _, step := range p.Steps { // as the kernel picks them: chunk_vrange_filter
			if g.Profile&p.Type != 0 && g.Start < step.End && g.Start+g.Length > step.Start {
				n++
			}
		}
		switch {
		case n > 1:
			t.Errorf("seed %d: block group %d is moved %d times", seed, g.Start, n)
		case n == 1:
			gone = append(gone, g)
			moved += g.Used
			length += g.Length
			raw += g.raw()
		case g.Profile&p.Type != 0:
			left = append(left, g)
		}
	}
	if moved != p.Moved || raw != p.Gained+p.Made {
		t.Errorf("seed %d: moved %d, gained %d; the steps say %+v", seed, moved, raw, p)
	}
	if ts.Slack() < length {
		t.Errorf("seed %d: %d bytes have no place in what stays", seed, moved)
	}
	// Nothing is planned that a fuller one of the same size would have spared:
	// who stays is no emptier than all that go, unless it could not be moved or
	// was not needed.
	if len(gone) > maxPlanned {
		t.Errorf("seed %d: %d block groups", seed, len(gone))
	}
	var holes, extents []Span
	for _, g := range left {
		holes = append(holes, w.layouts[g.Start].Holes...)
	}
	for _, g := range gone {
		extents = append(extents, w.layouts[g.Start].Extents...)
	}
	slices.SortFunc(extents, func(x, y Span) int { return int(y.Length) - int(x.Length) })
	if p.Type == Data && !fit(holes, extents) {
		t.Errorf("seed %d: extents find no place", seed)
	}
	if p.ShortData {
		if p.Free <= data.Free() || p.Headroom < int64(w.c.Want) {
			t.Errorf("seed %d: metadata is moved for nothing, or too far: %+v", seed, p)
		}
	} else if p.Headroom <= s.Headroom.Bytes || p.Reached != (p.Headroom >= int64(w.c.Want) && p.Headroom-int64(meta.Slack())+int64(s.GlobalReserve) >= int64(chunkOf(s, Metadata))) {
		t.Errorf("seed %d: headroom %d before: %+v", seed, s.Headroom.Bytes, p)
	}
}

// FuzzPlan plans over anything: figures that contradict each other, too, end in
// an answer.
func FuzzPlan(f *testing.F) {
	f.Add(uint64(1), uint64(1<<30), uint64(1<<30), uint64(1<<20), uint64(0), uint64(16<<10), uint64(Data))
	f.Add(uint64(7), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)-5, uint64(1), uint64(Metadata|RAID6))
	f.Add(uint64(9), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, seed, start, length, used, offset, node, profile uint64) {
		w := invent(rand.New(rand.NewPCG(seed, 2)))
		w.c.NodeSize = uint32(node)
		odd := BlockGroup{Start: start, Length: length, Used: used, Known: true, Profile: Profile(profile), Stripes: []Stripe{{1, offset}}}
		w.c.Groups = append(w.c.Groups, odd)
		w.layouts[start] = &Layout{Extents: []Span{{start, used}}, Holes: []Span{{start + used, length - used}}}
		p := PlanBalance(w.c)
		if (p.Advice == AdviceBalance) != (len(p.Steps) > 0) {
			t.Errorf("%+v", p)
		}
	})
}

// TestPlanCases holds the reasons that invented file systems do not come to.
func TestPlanCases(t *testing.T) {
	full := func() *world { // 16 GiB, all allocated; data half used, metadata 1 GiB
		w := &world{layouts: map[uint64]*Layout{}}
		w.c = BalanceCase{NodeSize: 16 << 10, Want: 1 << 30, WantData: 800 << 20, Devices: []Device{{ID: 1, Size: 17<<30 + reservedStart, Writable: true}}}
		for i := range uint64(17) {
			g := BlockGroup{Start: (i + 1) << 30, Length: 1 << 30, Used: 512 << 20, Known: true, Profile: Data, Stripes: []Stripe{{1, reservedStart + i<<30}}}
			if i == 0 {
				g.Profile, g.Used = Metadata, 16<<20
			}
			l := &Layout{Extents: []Span{{g.Start, g.Used}}, Holes: []Span{{g.Start + g.Used, g.Length - g.Used}}, Refs: 1}
			w.c.Groups, w.layouts[g.Start] = append(w.c.Groups, g), l
		}
		w.c.Space = &Space{
			DeviceSize: 17<<30 + reservedStart, GlobalReserve: 16 << 20, Rooms: []Room{{Device: 1}},
			Types: []TypeSpace{
				{Type: Data, Next: Data, Total: 16 << 30, Used: 8 << 30},
				{Type: Metadata, Next: Metadata, Total: 1 << 30, Used: 16 << 20},
			},
			Headroom: Headroom{Bytes: 1<<30 - 32<<20},
		}
		w.c.Layout = func(g BlockGroup) (*Layout, error) { return w.layouts[g.Start], nil }
		return w
	}
	for name, c := range map[string]struct {
		change func(*world)
		advice Advice
		reason Reason
	}{
		"as it is":        {func(*world) {}, AdviceBalance, ""},
		"read-only":       {func(w *world) { w.c.ReadOnly = true }, AdviceOther, ReasonReadOnly},
		"unseen":          {func(w *world) { w.c.Groups = nil }, AdviceUnknown, ReasonUnseen},
		"no metadata":     {func(w *world) { w.c.Space.Types = w.c.Space.Types[:1] }, AdviceUnknown, ReasonUnseen},
		"mixed":           {func(w *world) { w.c.Space.Types = []TypeSpace{{Type: Data | Metadata, Total: 1}} }, AdviceNone, ReasonMixed},
		"enough headroom": {func(w *world) { w.c.Want = 0; w.c.Space.Types[1].Could.Bytes = 1 << 40 }, AdviceNone, ReasonEnough},
		"full of metadata": {func(w *world) {
			w.c.Space.Types[1].Used = 1<<30 - 20<<20
		}, AdviceOther, ReasonMetadata},
		"full of data": {func(w *world) {
			for i := range w.c.Groups[1:] {
				w.c.Groups[i+1].Used = 1000 << 20
			}
			w.c.Space.Types[0].Used = 16 * 1000 << 20
		}, AdviceOther, ReasonFull},
		"in pieces": {func(w *world) {
			for start := range w.layouts {
				w.layouts[start].Holes = []Span{{start, 4096}}
			}
		}, AdviceOther, ReasonScattered},
		"layouts fail": {func(w *world) {
			w.c.Layout = func(BlockGroup) (*Layout, error) { return nil, errTooFine }
		}, AdviceUnknown, ReasonUnseen},
		"a conversion": {func(w *world) { w.c.Space.Types[0].Next = Data | DUP }, AdviceOther, ReasonUnfinished},
		// What is freed on two devices one after the other makes no raid1 chunk
		// when the only group is on one.
		"no gain": {func(w *world) {
			w.c.Space.Types[1].Next = Metadata | RAID1
			w.c.Space.Rooms = []Room{{Device: 1}, {Device: 2}}
			w.c.Devices = append(w.c.Devices, Device{ID: 2, Size: reservedStart, Writable: true})
		}, AdviceOther, ReasonNoGain},
	} {
		t.Run(name, func(t *testing.T) {
			w := full()
			c.change(w)
			p := PlanBalance(w.c)
			if p.Advice != c.advice || p.Reason != c.reason {
				t.Errorf("%+v", p)
			}
			if c.advice == AdviceBalance && (p.Moved != 512<<20 || p.Gained != 1<<30 || !p.Reached || p.Steps[0] != (BalanceStep{17 << 30, 18 << 30, 1, 512 << 20, 1 << 30})) {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestFit(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 2000 {
		var holes, extents []Span
		at := uint64(0)
		for range r.IntN(9) {
			n := uint64(1 + r.IntN(9))
			holes = append(holes, Span{at, n})
			at += n + 1
		}
		for range r.IntN(9) {
			extents = append(extents, Span{0, uint64(1 + r.IntN(6))})
		}
		want := slices.Clone(holes)
		fits := true
		for _, e := range extents {
			i := slices.IndexFunc(want, func(h Span) bool { return h.Length >= e.Length })
			if fits = i >= 0; !fits {
				break
			}
			want[i].Start += e.Length
			want[i].Length -= e.Length
		}
		if got := fit(holes, extents); got != fits || fits && !slices.Equal(holes, want) {
			t.Fatalf("%v into %v: %v, want %v", extents, holes, got, fits)
		}
	}
}

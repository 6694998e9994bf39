package category

// overlay is a Table in the hashes of a DB, so that one pass over a name asks both.
type overlay struct {
	maybe [1 << 10]uint64 // a bit for the first 16 bits of every hash: most names stop here
	slots []slot          // a power of two, at most half full
	depth int             // labels of the deepest entry
}

type slot struct {
	hash         uint64 // 0 is empty
	below, exact Set
}

func newOverlay(t *Table, k keys) *overlay {
	o := &overlay{slots: make([]slot, 16)}
	for len(o.slots) < 2*t.Len() {
		o.slots = make([]slot, 2*len(o.slots))
	}
	add := func(name string, below, exact Set) {
		var s split
		s.name(name)
		h := k.start
		for i := s.labels - 1; i >= 0; i-- {
			h = k.label(h, &s.buf, int(s.starts[i]), int(s.starts[i+1])-1)
		}
		o.maybe[h>>54] |= 1 << (h >> 48 & 63)
		o.depth = max(o.depth, s.labels)
		at := o.at(h)
		at.hash = h
		at.below |= below
		at.exact |= exact
	}
	for name, s := range t.below {
		add(name, s, 0)
	}
	for name, s := range t.exact {
		add(name, 0, s)
	}
	return o
}

// at is the slot of the hash h, or the empty one where it would be.
func (o *overlay) at(h uint64) *slot {
	for i := h; ; i++ {
		s := &o.slots[i&uint64(len(o.slots)-1)]
		if s.hash == h || s.hash == 0 {
			return s
		}
	}
}

// opinion is what a Table says of a name, gathered from its shortest suffix on.
type opinion struct {
	set       Set
	essential bool // an essential listing is among them
}

// ask adds what is listed at the suffix with the hash h.
func (o *overlay) ask(v *opinion, h uint64, whole bool) {
	if o.maybe[h>>54]&(1<<(h>>48&63)) == 0 {
		return
	}
	s := o.at(h)
	v.hear(s.below)
	if whole {
		v.hear(s.exact)
	}
}

func (v *opinion) hear(here Set) {
	switch {
	case here.Essential():
		v.set, v.essential = essentialBit, true // empties what stands above
	case here != 0:
		v.set = v.set&^essentialBit | here // and what is listed below fills it again
	}
}

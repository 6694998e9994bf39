package category

import (
	"sync"
	"sync/atomic"
)

// Holder is the Database that answers queries: the built-in table, and beside it the
// compiled one that is open at the moment. The zero Holder has only the former.
//
// A name the built-in table calls essential stays so, whatever the lists say, but
// for a list of illegal content.
type Holder struct {
	now atomic.Pointer[pair]
}

// pair is a database with the built-in table in its hashes.
type pair struct {
	db  *DB
	own *overlay
}

// alone is the built-in table without lists.
var alone = sync.OnceValue(func() *pair {
	db := nothing()
	return &pair{db, newOverlay(Builtin(), db.keys)}
})

// Swap puts db, or nothing, in the place of what was there. Lookups that run at
// this moment end with the one they began with; nobody waits. The old file takes no
// memory from now on, and is unmapped when the collector sees that the last of them has
// gone.
func (h *Holder) Swap(db *DB) {
	var next *pair
	if db != nil {
		next = &pair{db, newOverlay(Builtin(), db.keys)}
	}
	if old := h.now.Swap(next); old != nil {
		// The collector does not see a mapping, so it does not hurry; and a collection on
		// purpose would keep a core from answering for some milliseconds.
		old.db.release()
	}
}

// DB is the compiled database at this moment, or nil.
func (h *Holder) DB() *DB {
	if p := h.now.Load(); p != nil {
		return p.db
	}
	return nil
}

func (h *Holder) pair() *pair {
	if p := h.now.Load(); p != nil {
		return p
	}
	return alone()
}

// Lookup implements Database.
func (h *Holder) Lookup(name string) Set {
	var w walk
	w.name(name)
	return h.pair().lookup(&w)
}

// LookupWire is Lookup for an uncompressed name in wire form, in lower case. What is
// no such name is in no category.
func (h *Holder) LookupWire(wire []byte) Set {
	var w walk
	if !w.wire(wire) {
		return 0
	}
	return h.pair().lookup(&w)
}

func (p *pair) lookup(w *walk) Set {
	listed, own := p.db.lookup(w, p.own)
	return own.with(listed)
}

// with adds what the lists say to what the built-in table says.
func (v opinion) with(listed Set) Set {
	if !v.essential {
		return v.set | listed
	}
	if listed &= illegalSet; listed != 0 {
		return v.set&^essentialBit | listed
	}
	return v.set
}

// Explain tells which lists a name is in, the built-in table among them as
// "built-in", the outermost entry first.
func (h *Holder) Explain(name string) []Hit {
	p := h.pair()
	var w walk
	w.name(name)
	_, own := p.db.lookup(&w, p.own)
	out := Builtin().explain(&w.split)
	for _, hit := range p.db.Explain(name) {
		if own.essential && SetOf(hit.Category) != illegalSet {
			hit.Counts = false
		}
		out = append(out, hit)
	}
	return out
}

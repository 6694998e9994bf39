package category

import "math/bits"

// step is how many suffixes are looked for at a time. Memory answers all of them
// together in about the time of one, and most names have no more.
const step = 6

// walk goes through the suffixes of a name, the shortest first, some at a time.
type walk struct {
	split
	db    *DB
	own   *overlay
	hash  uint64
	label int // the next one
	end   int // the last one
	n     int // entries found in this step
	found [step]found
	opinion
}

// found is an entry for the labels from one on, and the number of its group.
type found struct{ label, id int32 }

// begin goes to the first suffix, of a new walk or once more.
func (w *walk) begin(db *DB, own *overlay) {
	depth := int(db.maxDepth)
	if own != nil {
		depth = max(depth, own.depth)
	}
	w.db, w.own, w.hash, w.opinion = db, own, db.start, opinion{}
	w.label, w.end = w.labels-1, max(0, w.labels-depth)
	// What no entry is as short as need not be looked for.
	for ; w.label >= w.end && w.labels-w.label < int(db.minDepth); w.label-- {
		w.take()
	}
}

// take carries the hash over the next label, and asks the table.
func (w *walk) take() {
	w.hash = w.db.label(w.hash, &w.buf, int(w.starts[w.label]), int(w.starts[w.label+1])-1)
	if w.own != nil {
		w.own.ask(&w.opinion, w.hash, w.whole(w.label))
	}
}

// next looks for the next suffixes; false when there are no more.
func (w *walk) next() bool {
	db := w.db
	if w.label < w.end {
		return false
	}
	var probes [step]struct{ rest, at, end, entry uint64 }
	from, n := w.label, 0
	size := uint64(db.entrySize)
	// First where to look, for all of them,
	for ; w.label >= w.end && n < step; w.label-- {
		w.take()
		p := &probes[n]
		n++
		bucket, rest := bits.Mul64(w.hash, db.buckets)
		g := db.blocks[uint32(bucket)/perBlock*blockSize:][:blockSize]
		in := uint32(bucket) % perBlock
		base := uint64(order.Uint32(g))
		p.rest = rest >> db.shift
		// A damaged file may say anything here.
		p.at = min(base+uint64(g[4+in]), db.header.entries)
		p.end = min(base+uint64(g[5+in]), db.header.entries)
	}
	// then the first entry there, without a question asked in between,
	for i := range n {
		p := &probes[i]
		p.entry = order.Uint64(db.entries[p.at*size:])
	}
	// and only then whether it is the one.
	w.n = 0
	for i := range n {
		p := &probes[i]
		for p.at < p.end {
			if e := p.entry & db.mask; e>>db.idBits == p.rest {
				if id := e & db.idMask; id < uint64(len(db.said)) {
					w.found[w.n] = found{int32(from - i), int32(id)}
					w.n++
				}
				break
			}
			p.at++
			p.entry = order.Uint64(db.entries[p.at*size:])
		}
	}
	return true
}

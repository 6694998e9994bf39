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
		if own != nil {
			own.ask(&w.opinion, w.hash, w.whole(w.label))
		}
	}
}

// take carries the hash over the next label.
func (w *walk) take() {
	w.hash = w.db.label(w.hash, &w.buf, int(w.starts[w.label]), int(w.starts[w.label+1])-1)
}

// probe is a suffix that is looked for: its hash, the entries it may stand in, and the
// first of them.
type probe struct{ hash, rest, at, end, entry uint64 }

// next looks for the next suffixes; false when there are no more. Each loop does one thing
// for all of them: what the memory is asked for in one is not needed before the next, so
// it looks for them side by side.
func (w *walk) next() bool {
	db := w.db
	if w.label < w.end {
		return false
	}
	var all [step]probe
	from, n := w.label, 0
	for ; w.label >= w.end && n < step; w.label-- {
		w.take()
		all[n].hash = w.hash
		n++
	}
	probes := all[:n]
	blocks := db.blocks
	for i := range probes { // where to look,
		p := &probes[i]
		bucket, rest := bits.Mul64(p.hash, db.buckets)
		p.rest = rest >> db.shift
		g := blocks[uint32(bucket)/perBlock*blockSize:][:blockSize:blockSize]
		in := uint32(bucket) % perBlock
		base, between := uint64(order.Uint32(g)), order.Uint16(g[4+in:])
		p.at, p.end = base+uint64(between&0xFF), base+uint64(between>>8)
	}
	if w.own != nil { // the table meanwhile,
		for i := range probes {
			w.own.ask(&w.opinion, probes[i].hash, w.whole(from-i))
		}
	}
	size, entries := uint64(db.entrySize), db.entries
	for i := range probes { // the first entry there,
		p := &probes[i]
		// A damaged file may say anything here.
		p.at, p.end = min(p.at, db.header.entries), min(p.end, db.header.entries)
		p.entry = order.Uint64(entries[p.at*size:])
	}
	w.n = 0
	for i := range probes { // and only then whether it is the one.
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
			p.entry = order.Uint64(entries[p.at*size:])
		}
	}
	return true
}

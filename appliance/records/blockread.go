package records

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"slices"
)

// block is a block that was read: its dictionaries, and its columns where they
// lie. It is used for one block after another, to spare the memory.
type block struct {
	rows    int
	askers  []asker
	rulings []ruling

	nameBytes []byte // the names, one behind the other
	nameEnds  []int  // where each ends

	who, how, what column
	deltas         []byte
	times          []int64 // of each row; filled by readTimes
}

// column is one number for each row.
type column struct {
	b     []byte
	width int
}

func (c column) at(i int) uint32 {
	switch c.width {
	case 1:
		return uint32(c.b[i])
	case 2:
		return uint32(binary.LittleEndian.Uint16(c.b[2*i:]))
	}
	return binary.LittleEndian.Uint32(c.b[4*i:])
}

// read takes a block apart; it keeps b.
func (k *block) read(b []byte) error {
	if len(b) < 6 || b[0] != blockFormat || crc32.Checksum(b[:len(b)-4], castagnoli) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return errBlock
	}
	r := blockReader{b: b[1 : len(b)-4]}
	k.rows = r.count(3) // a row has at least its three numbers
	k.askers, k.rulings = k.askers[:0], k.rulings[:0]
	for range r.count(9) {
		var a asker
		copy(a.mac[:], r.take(len(a.mac)))
		if n := r.take(1); len(n) == 1 && n[0] != 0 {
			a.addr, _ = netip.AddrFromSlice(r.take(int(n[0])))
		}
		a.device, a.person = r.text(), r.text()
		k.askers = append(k.askers, a)
	}
	for range r.count(5) {
		k.rulings = append(k.rulings, ruling{r.text(), r.text(), r.text(), r.text(), r.text()})
	}
	k.nameBytes, k.nameEnds = k.nameBytes[:0], k.nameEnds[:0]
	start := 0 // of the name before
	for range r.count(2) {
		shared, rest := r.uvarint(), r.bytes()
		end := len(k.nameBytes)
		if shared > uint64(end-start) {
			return errBlock
		}
		k.nameBytes = append(k.nameBytes, k.nameBytes[start:start+int(shared)]...)
		k.nameBytes = append(k.nameBytes, rest...)
		k.nameEnds = append(k.nameEnds, len(k.nameBytes))
		start = end
	}
	k.who, k.how, k.what = r.column(k.rows, len(k.askers)), r.column(k.rows, len(k.rulings)), r.column(k.rows, len(k.nameEnds))
	k.deltas, k.times = r.b, k.times[:0]
	if r.failed {
		return errBlock
	}
	return nil
}

// readTimes fills in the times: the one column that takes a step for each row.
func (k *block) readTimes() error {
	b, at := k.deltas, int64(0)
	k.times = slices.Grow(k.times[:0], k.rows)
	for i := range k.rows {
		var n int
		if i == 0 {
			at, n = binary.Varint(b)
		} else {
			var d uint64
			d, n = binary.Uvarint(b)
			at += int64(d)
		}
		if n <= 0 {
			return errBlock
		}
		b = b[n:]
		k.times = append(k.times, at)
	}
	return nil
}

// name is name i, back to front.
func (k *block) name(i int) []byte {
	start := 0
	if i > 0 {
		start = k.nameEnds[i-1]
	}
	return k.nameBytes[start:k.nameEnds[i]]
}

// row is row i as it came. readTimes must have been called.
func (k *block) row(i int) Query {
	a, r := k.askers[k.who.at(i)], k.rulings[k.how.at(i)]
	return Query{
		Time: timeOf(k.times[i]), MAC: a.mac, Device: a.device, Person: a.person, Addr: a.addr, Name: backwards(string(k.name(int(k.what.at(i))))),
		Type: r.qtype, Action: r.action, Category: r.category, Rule: r.rule, List: r.list,
	}
}

// all are the rows of the block that keep lets pass; nil lets all.
func (k *block) all(to []Query, keep func(Query) bool) ([]Query, error) {
	if err := k.readTimes(); err != nil {
		return to, err
	}
	for i := range k.rows {
		if q := k.row(i); keep == nil || keep(q) {
			to = append(to, q)
		}
	}
	return to, nil
}

// blockReader reads what a checksum has vouched for; still, no length leads it
// astray.
type blockReader struct {
	b      []byte
	failed bool
}

func (r *blockReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.failed, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count is a number of things of at least size octets each.
func (r *blockReader) count(size int) int {
	v := r.uvarint()
	if v > uint64(len(r.b)/size) {
		r.failed, r.b = true, nil
		return 0
	}
	return int(v)
}

func (r *blockReader) take(n int) []byte {
	if n > len(r.b) {
		r.failed, r.b = true, nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *blockReader) bytes() []byte { return r.take(r.count(1)) }

func (r *blockReader) text() string { return string(r.bytes()) }

// column reads a column and sees to it that each number in it exists.
func (r *blockReader) column(rows, n int) column {
	c := column{width: widthOf(n)}
	c.b = r.take(rows * c.width)
	if r.failed || n == 1<<(8*c.width) {
		return c
	}
	for i := range rows {
		if c.at(i) >= uint32(n) {
			r.failed = true
			return column{}
		}
	}
	return c
}

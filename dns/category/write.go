package category

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"os"
	"slices"
)

// errMeet says that two names cannot be told apart, or that too many fell into one
// place: with another seed they will not.
var errMeet = errors.New("two names have the same hash")

// merge makes one name of all rows of it, writes them in order, and counts them.
func (c *compilation) merge() (names int, err error) {
	w := buffered(c.parts.names)
	var rows []row
	var claims []claim
	for i := range c.parts.files {
		if rows, err = c.parts.sorted(i, rows); err != nil {
			return 0, err
		}
		for len(rows) > 0 {
			n := 1
			for n < len(rows) && rows[n].first == rows[0].first {
				if rows[n].second != rows[0].second {
					return 0, errMeet
				}
				n++
			}
			claims = settle(claims[:0], rows[:n])
			if len(claims) > 0 {
				id, err := c.group(claims)
				if err != nil {
					return 0, err
				}
				c.count(claims)
				var b [nameSize]byte
				order.PutUint64(b[:], rows[0].first)
				order.PutUint16(b[8:], uint16(id))
				if _, err := w.Write(b[:]); err != nil {
					return 0, err
				}
				names++
			}
			rows = rows[n:]
		}
	}
	return names, w.Flush()
}

// settle is what remains of the rows of one name, sorted: each claim once, without
// those that are taken back, and without "this name only" where the same source says
// the same of all below too.
func settle(claims []claim, rows []row) []claim {
	for _, r := range rows {
		if n := len(claims); n == 0 || claims[n-1] != r.said {
			claims = append(claims, r.said)
		}
	}
	if len(claims) == 1 && claims[0]&claimCancel == 0 {
		return claims
	}
	all := slices.Clone(claims)
	return slices.DeleteFunc(claims, func(v claim) bool {
		return v&claimCancel != 0 || slices.Contains(all, v|claimCancel) ||
			v&claimExact != 0 && slices.Contains(all, v&^claimExact) && !slices.Contains(all, v&^claimExact|claimCancel)
	})
}

// count counts a name once for each category it is listed in.
func (c *compilation) count(claims []claim) {
	var counted Set
	for _, v := range claims {
		o := c.origins[v.source()]
		if v&claimException == 0 && counted&o.set == 0 {
			counted |= o.set
			c.names[o.category]++
		}
	}
}

// write writes the file: the entries as they come, and then, since it says where they
// are, what stands before them.
func (c *compilation) write(f *os.File, h header, small []byte) error {
	if _, err := c.parts.names.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := f.Seek(int64(h.names), io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(c.parts.names, 256<<10)
	sum := crc32.New(castagnoli)
	out := buffered(io.MultiWriter(f, sum))
	blocks := make([]byte, h.names-h.blocks)
	g := filler{blocks: blocks}
	var before [2]uint64
	for i := range h.entries {
		var b [nameSize]byte
		if _, err := io.ReadFull(in, b[:]); err != nil {
			return fmt.Errorf("reading back what was compiled: %w", err)
		}
		bucket, rest := bits.Mul64(order.Uint64(b[:]), h.buckets)
		rest >>= 64 - h.restBits()
		if i > 0 && before == [2]uint64{bucket, rest} {
			return errMeet
		}
		before = [2]uint64{bucket, rest}
		if !g.to(bucket, i) {
			return errMeet
		}
		var e [8]byte
		order.PutUint64(e[:], rest<<h.idBits|uint64(order.Uint16(b[8:])))
		if _, err := out.Write(e[:h.entrySize]); err != nil {
			return err
		}
	}
	last := uint64(len(blocks)/blockSize) - 1
	if !g.to(last*perBlock+perBlock-1, h.entries) || !g.note(last, perBlock, h.entries) {
		return errMeet
	}
	if _, err := out.Write(make([]byte, padding)); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	h.tablesCRC = crc32.Checksum(small, castagnoli)
	h.blocksCRC, h.namesCRC = crc32.Checksum(blocks, castagnoli), sum.Sum32()
	front := make([]byte, h.blocks, h.names)
	copy(front, h.encode())
	copy(front[headerSize:], small)
	_, err := f.WriteAt(append(front, blocks...), 0)
	return err
}

// filler notes where each bucket begins.
type filler struct {
	blocks []byte
	next   uint64 // the first bucket not yet noted
}

// to notes that all buckets up to and with bucket begin at entry; false when a group
// holds more entries than a byte can count.
func (g *filler) to(bucket, entry uint64) bool {
	for ; g.next <= bucket; g.next++ {
		nr, in := g.next/perBlock, g.next%perBlock
		if in == 0 {
			if nr > 0 && !g.note(nr-1, perBlock, entry) {
				return false
			}
			order.PutUint32(g.blocks[nr*blockSize:], uint32(entry))
		}
		if !g.note(nr, in, entry) {
			return false
		}
	}
	return true
}

func (g *filler) note(nr, in, entry uint64) bool {
	at := nr * blockSize
	n := entry - uint64(order.Uint32(g.blocks[at:]))
	g.blocks[at+4+in] = byte(n)
	return n <= 255
}

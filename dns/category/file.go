package category

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"stairgate/config/identity"
)

// The layout, as doc.go describes it.
const (
	magic       = "stairgate names\n"
	version     = 1
	headerSize  = 128
	blockSize   = 32 // the number of the first entry, then where each bucket begins and the last ends
	perBlock    = blockSize - 5
	perBucket   = 4 // entries, on average
	padding     = 8 // an entry is read as a word
	alignment   = 64
	maxSources  = 256
	maxIDBits   = 16
	minRestBits = 32
)

// header is the beginning of the file.
type header struct {
	entrySize uint8 // bytes
	idBits    uint8 // of the entry; the others are of the hash
	minDepth  uint8 // labels of the highest entry
	maxDepth  uint8 // and of the deepest
	seed      Seed
	entries   uint64
	buckets   uint64
	blocks    uint64 // where they begin
	names     uint64 // where the entries begin
	size      uint64 // of the file
	tables    uint32 // bytes of them
	tablesCRC uint32
	blocksCRC uint32
	namesCRC  uint32
}

var (
	order      = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func (h *header) encode() []byte {
	b := append(make([]byte, 0, headerSize), magic...)
	b = order.AppendUint32(b, version)
	b = append(b, h.entrySize, h.idBits, h.minDepth, h.maxDepth)
	for _, v := range []uint64{h.seed[0], h.seed[1], h.entries, h.buckets, h.blocks, h.names, h.size} {
		b = order.AppendUint64(b, v)
	}
	for _, v := range []uint32{h.tables, h.tablesCRC, h.blocksCRC, h.namesCRC} {
		b = order.AppendUint32(b, v)
	}
	b = b[:headerSize]
	order.PutUint32(b[headerSize-4:], crc32.Checksum(b[:headerSize-4], castagnoli))
	return b
}

// decode reads and checks everything a Lookup relies on, so that no number in the
// file can lead it outside.
func (h *header) decode(b []byte) error {
	switch {
	case len(b) < len(magic)+4 || string(b[:len(magic)]) != magic:
		return errors.New("this is not a database of names: compile the lists again")
	case order.Uint32(b[len(magic):]) > version:
		return fmt.Errorf("this database is of version %d and this program reads version %d: compile the lists again with this program",
			order.Uint32(b[len(magic):]), version)
	case len(b) < headerSize:
		return errors.New("the file is cut off in its header: compile the lists again")
	case crc32.Checksum(b[:headerSize-4], castagnoli) != order.Uint32(b[headerSize-4:]):
		return errors.New("the header is damaged: compile the lists again")
	}
	at := len(magic) + 4
	h.entrySize, h.idBits, h.minDepth, h.maxDepth = b[at], b[at+1], b[at+2], b[at+3]
	at += 4
	for _, v := range []*uint64{&h.seed[0], &h.seed[1], &h.entries, &h.buckets, &h.blocks, &h.names, &h.size} {
		*v = order.Uint64(b[at:])
		at += 8
	}
	for _, v := range []*uint32{&h.tables, &h.tablesCRC, &h.blocksCRC, &h.namesCRC} {
		*v = order.Uint32(b[at:])
		at += 4
	}
	if h.size != uint64(len(b)) {
		return fmt.Errorf("the file has %d bytes and should have %d: it was cut off or added to, compile the lists again", len(b), h.size)
	}
	if h.entries > 1<<32-1 || h.layout() != *h || h.entrySize > 8 || h.restBits() < minRestBits || h.idBits > maxIDBits {
		return errors.New("the header contradicts itself: compile the lists again")
	}
	return nil
}

// layout fills in what follows from the number of entries and the size of the tables.
func (h *header) layout() header {
	l := *h
	l.buckets = l.entries/perBucket + 1
	l.blocks = (headerSize + uint64(l.tables) + alignment - 1) / alignment * alignment
	l.names = l.blocks + (l.buckets+perBlock-1)/perBlock*blockSize
	l.size = l.names + l.entries*uint64(l.entrySize) + padding
	return l
}

// restBits is how many bits of the hash an entry keeps; the number of its bucket
// stands for others.
func (h *header) restBits() int { return int(h.entrySize)*8 - int(h.idBits) }

// claim is what one source says of a name: its number and how.
type claim uint16

// How a source speaks of a name.
const (
	claimExact claim = 1 << iota // of the name only, not of what is below
	claimException
	claimImportant
	claimCancel // only while compiling
	claimShift  = iota
)

func (c claim) source() int { return int(c >> claimShift) }

// origin is a list, or one directory of a tree of lists.
type origin struct {
	name     string
	category identity.Category
	set      Set // of the category, in this program
}

// group is what some sources together say of a name. All names of which the same
// is said share one.
type group struct {
	below, exact Set
	weighed      bool // it has exceptions or what stands against them
	claims       []claim
}

// tables are the small part of the file, read when it is opened.
type tables struct {
	origins []origin
	said    []group
}

func (t *tables) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(len(t.origins)))
	for _, o := range t.origins {
		for _, s := range []string{o.name, string(o.category)} {
			b = binary.AppendUvarint(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(t.said)))
	for _, g := range t.said {
		b = binary.AppendUvarint(b, uint64(len(g.claims)))
		for _, c := range g.claims {
			b = binary.AppendUvarint(b, uint64(c))
		}
	}
	return b
}

var errTables = errors.New("the table of lists is damaged: compile the lists again")

func decodeTables(b []byte) (*tables, error) {
	number := func(limit uint64) (int, error) {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > limit {
			return 0, errTables
		}
		b = b[n:]
		return int(v), nil
	}
	text := func() (string, error) {
		n, err := number(uint64(len(b)))
		if err != nil || n > len(b) {
			return "", errTables
		}
		s := string(b[:n])
		b = b[n:]
		return s, nil
	}
	t := new(tables)
	n, err := number(maxSources)
	if err != nil {
		return nil, err
	}
	for range n {
		name, err := text()
		if err != nil {
			return nil, err
		}
		c, err := text()
		if err != nil {
			return nil, err
		}
		t.origins = append(t.origins, origin{name, identity.Category(c), SetOf(identity.Category(c))})
	}
	if n, err = number(1 << maxIDBits); err != nil {
		return nil, err
	}
	for range n {
		size, err := number(uint64(len(b)))
		if err != nil {
			return nil, err
		}
		claims := make([]claim, size)
		for i := range claims {
			v, err := number(uint64(len(t.origins))<<claimShift - 1)
			if err != nil || len(t.origins) == 0 {
				return nil, errTables
			}
			claims[i] = claim(v)
		}
		t.said = append(t.said, t.group(claims))
	}
	return t, nil
}

// group works out the sets of some claims.
func (t *tables) group(claims []claim) group {
	g := group{claims: claims}
	for _, c := range claims {
		switch {
		case c&(claimException|claimImportant) != 0:
			g.weighed = true
		case c&claimExact != 0:
			g.exact |= t.origins[c.source()].set
		default:
			g.below |= t.origins[c.source()].set
		}
	}
	g.exact |= g.below
	return g
}

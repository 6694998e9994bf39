package fat

import (
	"bytes"
	"fmt"
	"io"
)

// survey is a file system read once, and what is to become of it.
type survey struct {
	volume
	r       io.ReaderAt
	boot    []byte
	second  []byte // the second boot sector
	summary []byte // the sector with the count of free clusters
	old     []byte // the first copy of the table
	copied  []byte // the second
	want    []byte // the table as it shall be

	claimed []bool   // by cluster: a name leads to it
	length  []uint32 // by a file's first cluster: how many it holds
	folders []folder
	edits   []int64 // where names of empty files lie that shall lose their cluster
	used    bool    // there is a name
	unused  uint32  // clusters that shall be free
	report  Report
}

// folder is one that still has to be read.
type folder struct {
	parent int32 // in the list; the first is its own
	start  uint32
	name   string
}

// mostEdits bounds the memory for names.
const mostEdits = 1 << 12

// look reads everything and plans.
func look(r io.ReaderAt, size int64) (*survey, error) {
	v, boot, err := readVolume(r, size)
	if err != nil {
		return nil, err
	}
	s := &survey{volume: v, r: r, boot: boot, second: make([]byte, v.sector), summary: make([]byte, v.sector), old: make([]byte, v.table), copied: make([]byte, v.table)}
	if err := readAt(r, s.second, v.backup, "the second boot sector"); err != nil {
		return nil, err
	}
	if err := readAt(r, s.summary, v.info, "the count of free clusters"); err != nil {
		return nil, err
	}
	if err := s.readTables(r); err != nil {
		return nil, err
	}
	if order.Uint32(s.old)&valueMask != 0x0fffff00|uint32(boot[21]) {
		return nil, fmt.Errorf("the first copy of the file system's table does not begin like one (%08x)", order.Uint32(s.old))
	}
	s.want = bytes.Clone(s.old)
	s.marks()
	if err := s.tree(); err != nil {
		return nil, err
	}
	s.unled()
	s.counted()
	return s, nil
}

func (s *survey) readTables(r io.ReaderAt) error {
	if err := readAt(r, s.old, s.tables[0], "the first copy of the table"); err != nil {
		return err
	}
	return readAt(r, s.copied, s.tables[1], "the second copy of the table")
}

// value is what the table shall say of a cluster.
func (s *survey) value(c uint32) uint32 { return order.Uint32(s.want[4*c:]) & valueMask }

func (s *survey) set(c, value uint32) {
	word := s.want[4*c:]
	order.PutUint32(word, order.Uint32(word)&^valueMask|value)
}

// marks compares the copies and looks at the marks.
func (s *survey) marks() {
	if s.boot[markAt]&dirtyMark != 0 || order.Uint32(s.old[4:])&cleanEntry == 0 {
		s.report.add(Fault{Kind: Dirty})
	}
	if n := s.differ(); n > 0 {
		s.report.add(Fault{Kind: Differ, Number: n})
	}
	if s.boot[markAt]&scanMark != 0 || order.Uint32(s.old[4:])&soundEntry == 0 {
		s.report.add(Fault{Kind: Surface})
	}
	a, b := bytes.Clone(s.boot), bytes.Clone(s.second)
	a[markAt], b[markAt] = a[markAt]&^dirtyMark, b[markAt]&^dirtyMark
	if !bytes.Equal(a, b) {
		s.report.add(Fault{Kind: Backup})
	}
}

// differ counts the sectors in which the copies of the table do.
func (s *survey) differ() (n int) {
	for at := int64(0); at < s.table; at += s.sector {
		if !bytes.Equal(s.old[at:at+s.sector], s.copied[at:at+s.sector]) {
			n++
		}
	}
	return n
}

// unled frees the clusters no name leads to.
func (s *survey) unled() {
	n := 0
	for c := uint32(2); s.in(c); c++ {
		if v := s.value(c); v != free && v != bad && !s.claimed[c] {
			s.set(c, free)
			n++
		}
		if s.value(c) == free {
			s.unused++
		}
	}
	switch {
	case n == 0 || s.report.Grave:
	case !s.used:
		// A medium that answers with zeros must not cost everything.
		s.report.add(Fault{Kind: Hollow, Number: n})
	default:
		s.report.add(Fault{Kind: Lost, Number: n})
	}
}

// counted compares the count of free clusters with the table as it is.
func (s *survey) counted() {
	if !s.infoReads() {
		s.report.add(Fault{Kind: Info})
	}
	have, known := s.counts()
	if !known {
		return
	}
	is := 0
	for c := uint32(2); s.in(c); c++ {
		if order.Uint32(s.old[4*c:])&valueMask == free {
			is++
		}
	}
	if n := int(have) - is; n != 0 {
		s.report.add(Fault{Kind: FreeCount, Number: max(n, -n)})
	}
}

// counts is the count of free clusters as it is written, unless that says that
// it is not known.
func (s *survey) counts() (n uint32, known bool) {
	b := s.summary
	if !s.infoReads() {
		return 0, false
	}
	n = order.Uint32(b[488:])
	return n, n != 0xffffffff
}

func (s *survey) infoReads() bool {
	b := s.summary
	return string(b[:4]) == "RRaA" && string(b[484:488]) == "rrAa" && order.Uint32(b[508:]) == 0xaa550000
}

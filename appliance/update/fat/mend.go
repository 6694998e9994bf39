package fat

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Device is what Mend mends: an *os.File is one.
type Device interface {
	io.ReaderAt
	io.WriterAt
	// Sync returns when what was written is on the medium.
	Sync() error
}

// Unclean tells whether there is reason to look closer: a mark that the file
// system was in use when the power went, or copies of the table that differ.
func Unclean(r io.ReaderAt, size int64) (bool, error) {
	v, boot, err := readVolume(r, size)
	if err != nil {
		return false, err
	}
	s := &survey{volume: v, boot: boot, second: boot, old: make([]byte, v.table), copied: make([]byte, v.table)}
	if err := s.readTables(r); err != nil {
		return false, err
	}
	s.marks()
	return slices.ContainsFunc(s.report.Faults, func(f Fault) bool { return f.Kind == Dirty || f.Kind == Differ }), nil
}

// Check says what is wrong with a file system and writes nothing. An error says
// that it cannot be read or is not what the image has.
func Check(r io.ReaderAt, size int64) (Report, error) {
	s, err := look(r, size)
	if err != nil {
		return Report{}, err
	}
	return s.report, nil
}

// Mend mends what can be mended without guessing, and reports what it found. It
// writes nothing when there is nothing to mend, when something grave is found,
// and when the file system is not what the image has, which is an error.
func Mend(d Device, size int64) (Report, error) {
	s, err := look(d, size)
	if err != nil || s.report.Grave {
		if err == nil {
			return s.report, nil
		}
		return Report{}, err
	}
	w := &writer{d: d}
	s.write(w)
	if w.err != nil {
		return s.report, fmt.Errorf("mending stopped half way, and can be begun again: %w", w.err)
	}
	return s.report, nil
}

// writer writes sectors and stops at the first error.
type writer struct {
	d     Device
	wrote bool // since the last sync
	err   error
}

// sector writes, and only what is not there already.
func (w *writer) sector(at int64, is, shall []byte, what string) {
	if w.err != nil || bytes.Equal(is, shall) {
		return
	}
	w.wrote = true
	if _, err := w.d.WriteAt(shall, at); err != nil {
		w.err = fmt.Errorf("write %s: %w", what, err)
	}
}

// sync ends a step: nothing of the next is on the medium before all of this.
func (w *writer) sync() {
	if w.err != nil || !w.wrote {
		return
	}
	w.wrote = false
	if err := w.d.Sync(); err != nil {
		w.err = fmt.Errorf("write the file system: %w", err)
	}
}

// write carries the plan out, in the order the package promises.
func (s *survey) write(w *writer) {
	s.writeNames(w)
	// The marks stand in the table's first sector: it is written without them
	// first.
	marked := s.want
	if order.Uint32(marked[4:])&cleanEntry == 0 {
		marked = bytes.Clone(s.want)
		order.PutUint32(marked[4:], order.Uint32(marked[4:])|cleanEntry)
	}
	s.writeTable(w, 0, s.old, s.want)
	s.writeTable(w, 1, s.copied, s.want)
	s.writeCount(w)
	s.writeTable(w, 0, s.want, marked)
	s.writeTable(w, 1, s.want, marked)
	boot, second := bytes.Clone(s.boot), bytes.Clone(s.second)
	boot[markAt] &^= dirtyMark
	if second[markAt] &^= dirtyMark; !bytes.Equal(boot, second) {
		second = s.second // not a copy: not ours to write
	}
	w.sector(s.backup, s.second, second, "the second boot sector")
	w.sync()
	w.sector(0, s.boot, boot, "the mark in the boot sector")
	w.sync()
}

func (s *survey) writeTable(w *writer, i int, is, shall []byte) {
	for at := int64(0); at < s.table; at += s.sector {
		w.sector(s.tables[i]+at, is[at:at+s.sector], shall[at:at+s.sector], "the table")
	}
	w.sync()
}

func (s *survey) writeCount(w *writer) {
	shall := bytes.Clone(s.summary)
	if _, known := s.counts(); known {
		order.PutUint32(shall[488:], s.unused)
	}
	w.sector(s.info, s.summary, shall, "the count of free clusters")
	w.sync()
}

// writeNames takes the clusters off the names of empty files.
func (s *survey) writeNames(w *writer) {
	sectors := map[int64][]byte{}
	for _, at := range s.edits {
		in := at / s.sector * s.sector
		if sectors[in] == nil {
			b := make([]byte, s.sector)
			if err := readAt(w.d, b, in, "a folder"); err != nil {
				w.err = err
				return
			}
			sectors[in] = b
		}
		n := sectors[in][at-in:]
		order.PutUint16(n[20:], 0)
		order.PutUint16(n[26:], 0)
	}
	for _, in := range slices.Sorted(maps.Keys(sectors)) {
		w.sector(in, nil, sectors[in], "the name of an empty file")
	}
	w.sync()
}

package category

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
)

// row is one line of a list, without its name.
type row struct {
	first, second uint64 // hashes
	said          claim
}

const (
	partBits = 5 // 5 million rows make parts of 3 MB
	rowSize  = 18
	// A name that is merged is its hash and the number of its group.
	nameSize = 10
)

// parts are the rows in files, by the first bits of the hash, so that each can be
// sorted in memory and one after the other they are in order.
type parts struct {
	files   [1 << partBits]*os.File
	writers [1 << partBits]*bufio.Writer
	rows    [1 << partBits]int
	names   *os.File
}

func newParts(dir string) (*parts, error) {
	p := new(parts)
	for i := range p.files {
		f, err := scratch(dir)
		if err != nil {
			p.close()
			return nil, err
		}
		p.files[i], p.writers[i] = f, bufio.NewWriterSize(f, 32<<10)
	}
	var err error
	if p.names, err = scratch(dir); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// scratch makes a file without a name: a crash leaves nothing behind.
func scratch(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".compiling-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (p *parts) close() {
	for _, f := range append(p.files[:], p.names) {
		if f != nil {
			f.Close()
		}
	}
}

func (p *parts) add(r row) error {
	i := r.first >> (64 - partBits)
	var b [rowSize]byte
	order.PutUint64(b[:], r.first)
	order.PutUint64(b[8:], r.second)
	order.PutUint16(b[16:], uint16(r.said))
	p.rows[i]++
	_, err := p.writers[i].Write(b[:])
	return err
}

// sorted reads the part i. The rows of one name stand together.
func (p *parts) sorted(i int, rows []row) ([]row, error) {
	if err := p.writers[i].Flush(); err != nil {
		return nil, err
	}
	if _, err := p.files[i].Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(p.files[i], 256<<10)
	rows = slices.Grow(rows[:0], p.rows[i])
	var b [rowSize]byte
	for range p.rows[i] {
		if _, err := io.ReadFull(in, b[:]); err != nil {
			return nil, fmt.Errorf("reading back what was compiled: %w", err)
		}
		rows = append(rows, row{order.Uint64(b[:]), order.Uint64(b[8:]), claim(order.Uint16(b[16:]))})
	}
	slices.SortFunc(rows, func(a, b row) int {
		if a.first != b.first {
			return cmp.Compare(a.first, b.first)
		}
		if a.second != b.second {
			return cmp.Compare(a.second, b.second)
		}
		return cmp.Compare(a.said, b.said)
	})
	return rows, nil
}

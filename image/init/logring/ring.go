package logring

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What the ring may take of the card: 4 MiB.
const (
	Segments    = 8
	SegmentSize = 512 << 10
)

// Ring is the log on the card.
type Ring struct {
	mu  sync.Mutex // the buffer
	buf buffer

	card sync.Mutex // the files
	dir  string
}

// New is the log in a directory, which may not be there yet, or be read-only:
// then lines wait, and are dropped when they are too many.
func New(dir string) *Ring { return &Ring{dir: dir} }

// Add takes a line of a source.
func (r *Ring) Add(up time.Duration, wall time.Time, source, line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf.add(up, wall, source, line)
}

// Due tells whether it is time for Flush.
func (r *Ring) Due(up time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.due(up)
}

// Flush writes what waits. What cannot be written is lost, and counted.
func (r *Ring) Flush(up time.Duration, wall time.Time) error {
	r.card.Lock()
	defer r.card.Unlock()
	r.mu.Lock()
	text := r.buf.take(up, wall)
	r.mu.Unlock()
	if len(text) == 0 {
		return nil
	}
	if err := r.write(text); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.buf.dropped += strings.Count(string(text), "\n")
		return fmt.Errorf("writing the log: %w", err)
	}
	return nil
}

// write appends to the newest file, in whole lines, and starts another one
// where it would grow too large.
func (r *Ring) write(text []byte) error {
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	numbers, err := r.numbers()
	if err != nil {
		return err
	}
	if len(numbers) == 0 {
		numbers = []int{1}
	}
	newest := numbers[len(numbers)-1]
	for len(text) > 0 {
		st, err := os.Stat(r.path(newest))
		size := int64(0)
		if err == nil {
			size = st.Size()
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		part := head(text, int(SegmentSize-size))
		if len(part) == 0 {
			newest++
			numbers = append(numbers, newest)
			continue
		}
		if err := appendTo(r.path(newest), part); err != nil {
			return err
		}
		text = text[len(part):]
	}
	for len(numbers) > Segments {
		if err := os.Remove(r.path(numbers[0])); err != nil {
			return err
		}
		numbers = numbers[1:]
	}
	return nil
}

// head is the longest run of whole lines that fits in n bytes.
func head(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n-1] != '\n' {
		n--
	}
	return text[:max(n, 0)]
}

func appendTo(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(text); err != nil {
		return err
	}
	return f.Sync()
}

// numbers are the files there are, oldest first.
func (r *Ring) numbers() ([]int, error) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), ".log")
		if n, err := strconv.Atoi(base); ok && err == nil && n > 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// path sorts with ls, and so cat *.log reads in order.
func (r *Ring) path(n int) string { return filepath.Join(r.dir, fmt.Sprintf("%08d.log", n)) }

package dhcp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
)

// FileJournal is a Journal in one file: a line of JSON for each lease, written
// and synced in groups. It belongs to one goroutine at a time.
type FileJournal struct {
	path string
	f    *os.File
	size int64 // of what is known to be on disk
	buf  bytes.Buffer
}

// OpenFileJournal opens path, or makes it. What is superseded in it is thrown
// away first.
func OpenFileJournal(path string) (*FileJournal, error) {
	j := &FileJournal{path: path}
	leases, err := j.Load()
	if err != nil {
		return nil, err
	}
	if err := j.rewrite(leases); err != nil {
		return nil, fmt.Errorf("tidying %s: %w", path, err)
	}
	return j, nil
}

// Load implements Journal. A last line torn by a power cut was never
// acknowledged and is ignored.
func (j *FileJournal) Load() ([]Lease, error) {
	b, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading leases: %w", err)
	}
	leases := map[netip.Addr]Lease{}
	for line := range bytes.Lines(b) {
		var group []Lease
		if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, &group) != nil {
			break
		}
		for _, l := range group {
			if leases[l.Addr] = l; l.Expires.IsZero() {
				delete(leases, l.Addr)
			}
		}
	}
	out := make([]Lease, 0, len(leases))
	for _, l := range leases {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Lease) int { return a.Addr.Compare(b.Addr) })
	return out, nil
}

// rewrite replaces the file: temporary file, fsync, rename, fsync.
func (j *FileJournal) rewrite(leases []Lease) error {
	dir := filepath.Dir(j.path)
	f, err := os.CreateTemp(dir, filepath.Base(j.path)+".*")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	for _, l := range leases {
		err = errors.Join(err, enc.Encode([]Lease{l}))
	}
	err = errors.Join(err, w.Flush(), f.Sync())
	if err == nil {
		err = os.Rename(f.Name(), j.path)
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return errors.Join(err, f.Close())
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	j.f, j.size = f, info.Size()
	return nil
}

// Commit implements Journal: one line for the group, so that it is there whole or
// not at all, and one sync.
func (j *FileJournal) Commit(leases []Lease) error {
	j.buf.Reset()
	if err := json.NewEncoder(&j.buf).Encode(leases); err != nil {
		return fmt.Errorf("encoding leases: %w", err)
	}
	if _, err := j.f.WriteAt(j.buf.Bytes(), j.size); err != nil {
		// What was written of it lies beyond size and is overwritten by the next.
		return fmt.Errorf("writing leases: %w", errors.Join(err, j.f.Truncate(j.size)))
	}
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("syncing leases: %w", errors.Join(err, j.f.Truncate(j.size)))
	}
	j.size += int64(j.buf.Len())
	return nil
}

// Close closes the file.
func (j *FileJournal) Close() error { return j.f.Close() }

package records

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// reserveSize is enough for years of revocations: a write-ahead log of
	// 1,000 pages and the pages it is checkpointed into.
	reserveSize = 8 << 20
	// reserveSome is what a start needs that follows a stop on a full disk.
	reserveSome = 1 << 20
)

// reserve is a file that holds disk space back. When the disk is full it is
// given up so that taking people out, lease renewals and the technician's login
// still work; while it is gone, nobody new is let in, so that those who come do
// not eat what is left.
type reserve struct {
	path string
	held atomic.Bool // read by the query log, which stops with the admissions
}

var errReserveSpent = errors.New("the disk is full and the reserve is spent")

// restore makes the reserve when it is not there. It fails while the disk has
// no room for it.
func (r *reserve) restore() error {
	if r.held.Load() {
		return nil
	}
	if err := r.allocate(reserveSize); err != nil {
		return err
	}
	r.held.Store(true)
	return nil
}

// release gives the space back; it reports whether there was any.
func (r *reserve) release() bool {
	r.held.Store(false)
	return os.Remove(r.path) == nil
}

// spent reports whether the disk is full.
func (r *reserve) spent() bool { return !r.held.Load() }

// close leaves as much of the reserve as can be had for the next start: opening
// the records takes a little room.
func (r *reserve) close() {
	if r.restore() != nil {
		_ = r.allocate(reserveSome)
	}
}

// allocate makes the file that long, or leaves it as it was.
func (r *reserve) allocate(size int64) (err error) {
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("keeping the reserve: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("keeping the reserve: %w", err)
	}
	if st.Size() >= size {
		return nil // left by the last run
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		// A file system without fallocate: real bytes then, as a hole holds nothing back.
		_, err = f.WriteAt(make([]byte, size), 0)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%w: %w", errReserveSpent, err)
	if st.Size() == 0 {
		return errors.Join(err, os.Remove(r.path))
	}
	return errors.Join(err, f.Truncate(st.Size()))
}

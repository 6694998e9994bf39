package update

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/appliance/update/bundle"
)

const (
	partName = "upload.part"
	// spare is what an update leaves free on /perm for the school's records.
	spare = 64 << 20
)

// What a person is told when the machine cannot take another wish.
const (
	errBusy    = bundle.Refusal("The box is busy with an update. Wait until it has finished.")
	errTrial   = bundle.Refusal("A new version is on trial at this moment. Wait until it is kept or taken back.")
	errNothing = bundle.Refusal("There is no update to install. Choose a file first.")
	errAnother = bundle.Refusal("Somebody has put another update in its place meanwhile. Look at what is ready now, then choose again.")
	errNoRoom  = bundle.Refusal("There is not enough room on the box's storage for this update. Delete what is not needed, such as old rows of the query log, or use a larger card.")
	// ErrReadOnly is also for a box whose records live in memory meanwhile.
	ErrReadOnly = bundle.Refusal("The box's storage can only be read at the moment, so it takes no update. Replace the storage card first.")
	errStorage  = bundle.Refusal("The box's storage failed while it was written to, so nothing was installed. Replace the storage card first.")
	errNoBoot   = bundle.Refusal("The boot partition of this box cannot be read, so nothing can be installed. If that stays after a restart, write the image to its disk anew.")
)

// plain gives the storage's own errors the sentence that people need.
func plain(err error) error {
	var refusal bundle.Refusal
	switch {
	case err == nil, errors.As(err, &refusal):
		return err
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return errNoRoom
	case errors.Is(err, unix.EROFS):
		return ErrReadOnly
	case errors.Is(err, unix.EIO):
		return errStorage
	}
	return err
}

// begin takes the machine for one job.
func (m *Machine) begin(p Phase, total int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.phase == Trial:
		return errTrial
	case m.phase != Idle:
		return errBusy
	case m.blind, m.state.Next == "":
		return errNoBoot
	}
	m.phase, m.done, m.total = p, 0, total
	return nil
}

func (m *Machine) end(p Phase) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.phase = p
}

// Receive takes a bundle as it streams by, checks all of it and keeps it. What
// is wrong with it is a bundle.Refusal; then what was there before is there
// still. size is what the sender announced, for the progress; -1: unknown.
func (m *Machine) Receive(ctx context.Context, by string, size int64, r io.Reader) error {
	if err := m.begin(Receiving, max(size, 0)); err != nil {
		return err
	}
	defer m.end(Idle)
	manifest, n, err := m.store(ctx, size, r)
	if err != nil {
		err = errors.Join(err, removeIfThere(filepath.Join(m.incoming(), partName)))
		var refusal bundle.Refusal
		if errors.As(err, &refusal) {
			m.o.Box.Audit(by, "was refused an update", "version "+known(manifest.Version), string(refusal))
			return refusal
		}
		return plain(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.journal.Ready = &Offer{
		Version: manifest.Version, Created: manifest.Created, Notes: manifest.Notes, Size: n, By: by, At: m.o.Now(),
	}
	m.journal.When, m.journal.Who = time.Time{}, ""
	if err := save(m.o.Disk, journalFile, m.journal); err != nil {
		m.journal.Ready = nil
		return plain(err)
	}
	m.o.Box.Audit(by, "uploaded an update", "version "+manifest.Version, fmt.Sprintf("%d bytes, made %s", n, manifest.Created.UTC().Format("2006-01-02")))
	return nil
}

func known(version string) string {
	if version == "" {
		return "unknown"
	}
	return version
}

// store writes the stream to a file while it checks it, and gives the file its
// name only when everything was right.
func (m *Machine) store(ctx context.Context, size int64, r io.Reader) (bundle.Manifest, int64, error) {
	var none bundle.Manifest
	// Where the storage could not be written at the start, it is not there yet.
	if err := os.MkdirAll(m.incoming(), 0o700); err != nil {
		return none, 0, err
	}
	var room unix.Statfs_t
	if err := unix.Statfs(m.incoming(), &room); err != nil {
		return none, 0, err
	}
	free := int64(room.Bavail)*room.Bsize - spare
	if size > free {
		return none, 0, errNoRoom
	}
	part := filepath.Join(m.incoming(), partName)
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return none, 0, err
	}
	w := &stored{m: m, ctx: ctx, w: f, free: free}
	manifest, err := m.verify(io.TeeReader(r, w))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return manifest, 0, err
	}
	if err := os.Rename(part, m.bundleFile()); err != nil {
		return manifest, 0, err
	}
	return manifest, w.n, syncDir(m.incoming())
}

// verify reads a whole bundle and holds it against this box.
func (m *Machine) verify(r io.Reader) (bundle.Manifest, error) {
	b, err := bundle.Open(r, m.o.Keys)
	if err != nil {
		return bundle.Manifest{}, err
	}
	if err := m.check(b.Manifest); err != nil {
		return b.Manifest, err
	}
	return b.Manifest, b.Verify()
}

// check holds a manifest against this box as it is now.
func (m *Machine) check(manifest bundle.Manifest) error {
	root, boot, err := m.o.Disk.Sizes(m.running.Other())
	if err != nil {
		return fmt.Errorf("measure the slot: %w", err)
	}
	m.mu.Lock()
	floor := m.floor.Version
	m.mu.Unlock()
	return bundle.Check(manifest, bundle.Box{
		Board: string(m.o.Release.Board), Version: m.o.Release.Version, Floor: floor, Now: m.o.Now(),
		RootSize: root, BootSize: boot,
	})
}

// stored counts what is written and stops where the room ends.
type stored struct {
	m       *Machine
	ctx     context.Context
	w       io.Writer
	n, free int64
}

func (s *stored) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if s.n+int64(len(p)) > s.free {
		return 0, errNoRoom
	}
	n, err := s.w.Write(p)
	s.n += int64(n)
	s.m.progress(int64(n))
	return n, err
}

func (m *Machine) progress(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
}

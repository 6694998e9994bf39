package update

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/appliance/update/bundle"
)

// preflight keeps copies of what the school would miss, and drops the oldest.
func (m *Machine) preflight(manifest bundle.Manifest) error {
	dir := filepath.Join(m.o.Dir, "before-"+manifest.Version)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := m.prune(1); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := m.o.Box.Keep(dir); err != nil {
		return errors.Join(fmt.Errorf("keep a copy of the records: %w", err), os.RemoveAll(dir))
	}
	return syncDir(m.o.Dir)
}

// RoomFor tells whether dir has room for a copy of a file and the records
// besides; a missing file needs none.
func RoomFor(file, dir string) error {
	info, err := os.Stat(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var room unix.Statfs_t
	if err := unix.Statfs(dir, &room); err != nil {
		return err
	}
	if int64(room.Bavail)*room.Bsize-spare < info.Size() {
		return errNoRoom
	}
	return nil
}

// prune leaves the newest of the copies.
func (m *Machine) prune(most int) error {
	dirs, err := filepath.Glob(filepath.Join(m.o.Dir, "before-*"))
	if err != nil {
		return err
	}
	made := func(dir string) time.Time {
		info, err := os.Stat(dir)
		if err != nil {
			return time.Time{}
		}
		return info.ModTime()
	}
	slices.SortFunc(dirs, func(a, b string) int { return made(b).Compare(made(a)) })
	for i, dir := range dirs {
		if i < most {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

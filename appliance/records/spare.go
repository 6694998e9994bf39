package records

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// errNoCard is why nobody new is let in while the records are a copy.
	errNoCard = errors.New("the records are a copy in memory, because the storage cannot be written")
	// errForeign says that a copy does not continue the records on the storage.
	errForeign = errors.New("the copy does not continue the records on the storage")
	// errCard says that the storage failed and not the copy.
	errCard = errors.New("the storage takes a file and not the records")
)

// OpenOrCopy opens the records in dir. Where the storage cannot be written, or
// not even read, it opens a copy in spare, a directory in memory, so that the box
// starts: whoever is signed in stays in, addresses are given out and devices can
// be taken off the network, but nobody new is let in, because no record of it
// would last. What such a copy held is put back into dir by the next OpenOrCopy
// that can write there. The error is of records in use by another process, or of
// a machine without memory.
func OpenOrCopy(dir, spare string, now func() time.Time) (*DB, []string, error) {
	alarms, reason := putBack(dir, spare, now)
	if errors.Is(reason, unix.EWOULDBLOCK) {
		return nil, nil, reason
	}
	if reason == nil {
		db, more, err := Open(dir, now)
		if err == nil || errors.Is(err, unix.EWOULDBLOCK) {
			return db, append(alarms, more...), err
		}
		reason = err
	}
	if err := os.MkdirAll(spare, 0o700); err != nil {
		return nil, nil, errors.Join(reason, fmt.Errorf("making the directory of the copy: %w", err))
	}
	// A copy that is there already knows more: this program died while it was in use.
	if _, err := os.Lstat(filepath.Join(spare, "records.db")); isMissing(err) {
		if err := copyRecords(dir, spare); err != nil {
			alarms = append(alarms, "The records on the storage card cannot be read: until the card is replaced the box knows no device and nobody is let in.")
		}
	}
	db, more, err := openIn(spare, now, migrations(), dir)
	if err != nil {
		return nil, nil, errors.Join(reason, fmt.Errorf("opening a copy of the records in memory: %w", err))
	}
	return db, append(alarms, more...), nil
}

// OnCopy reports whether the records are a copy in memory.
func (db *DB) OnCopy() bool { return db.card != "" }

// copyRecords copies the records out of dir, with what SQLite has not moved into
// the file yet, and the end of the audit chain.
func copyRecords(dir, spare string) error {
	for _, name := range []string{"audit.head", "records.db-wal", "records.db"} {
		if err := copyFile(filepath.Join(dir, name), filepath.Join(spare, name)); err != nil && (name == "records.db" || !isMissing(err)) {
			return errors.Join(err, os.RemoveAll(spare), os.MkdirAll(spare, 0o700))
		}
	}
	return nil
}

// putBack puts what a copy in spare holds into dir, if dir can be written again.
// The records there are replaced only when the copy continues them. The error is of
// a card that failed meanwhile, or of records in use; the copy is kept then, because
// on the card a device that was taken off the network is still on it.
func putBack(dir, spare string, now func() time.Time) (alarms []string, err error) {
	if _, err := os.Lstat(filepath.Join(spare, "records.db")); err != nil || os.MkdirAll(dir, 0o700) != nil || CanWrite(dir) != nil {
		return nil, nil
	}
	switch err := replaceByCopy(dir, spare, now); {
	case errors.Is(err, errCard):
		return []string{"The storage card can be written again, but what was done meanwhile cannot be put on it (" + err.Error() + "). The box works on in memory, lets nobody new in, and tries again. Replace the card."}, err
	case err != nil:
		return []string{"What was done while the storage card could not be written is lost (" + err.Error() + "). Look through the devices: one that was taken off the network meanwhile must be taken off again."}, nil
	}
	return []string{"The storage card can be written again. What was done meanwhile is on it now. Replace the card soon all the same: it will fail again."}, nil
}

func replaceByCopy(dir, spare string, now func() time.Time) (err error) {
	defer func() {
		if !errors.Is(err, errCard) {
			err = errors.Join(err, os.RemoveAll(spare))
		}
	}()
	head, err := headOf(dir, now, func(*DB) error { return nil })
	if err != nil {
		return errors.Join(errCard, err)
	}
	_, err = headOf(spare, now, func(db *DB) error {
		same, ok, err := one(db.file, scanEvent, eventColumns+`WHERE seq = ?`, head.Seq)
		if err == nil && (!ok || same.Hash != head.Hash) {
			err = errForeign
		}
		return err
	})
	if err != nil {
		return err
	}
	// Both were closed in peace, so nothing stands in a write-ahead log; were
	// there one, it would be played into the wrong file.
	for _, d := range []string{dir, spare} {
		if _, err := os.Lstat(filepath.Join(d, "records.db-wal")); !isMissing(err) {
			return fmt.Errorf("a write-ahead log was left: %w", fs.ErrExist)
		}
	}
	if err := copyFile(filepath.Join(spare, "records.db"), filepath.Join(dir, "records.db")); err != nil {
		return errors.Join(errCard, err)
	}
	if err := copyFile(filepath.Join(spare, "audit.head"), filepath.Join(dir, "audit.head")); err != nil && !isMissing(err) {
		return errors.Join(errCard, err)
	}
	if err := syncDir(filepath.Join(dir, "records.db")); err != nil {
		return errors.Join(errCard, err)
	}
	return nil
}

// headOf opens the records in dir, has check look at them and closes them again.
func headOf(dir string, now func() time.Time, check func(*DB) error) (head Event, err error) {
	db, _, err := Open(dir, now)
	if err != nil {
		return Event{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if head, _, err = db.Head(); err != nil {
		return Event{}, err
	}
	return head, check(db)
}

// CanWrite says whether files in dir can be written, and writes one to know it.
func CanWrite(dir string) error {
	f, err := os.CreateTemp(dir, "probe-")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 512))
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

// ReadOnly says whether the storage of dir takes no more writes, without writing:
// what the kernel makes of a file system with errors.
func ReadOnly(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Flags&unix.ST_RDONLY != 0
}

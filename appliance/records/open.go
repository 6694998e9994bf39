package records

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	sqlite3 "modernc.org/sqlite/lib"
)

// opening is how one of the two files is opened whatever state it is in.
type opening struct {
	path        string
	synchronous string
	id          int32 // application_id: whose file it is
	steps       []string
	checkUpTo   int64       // a larger file is not read through at the start
	vacuum      string      // auto_vacuum of a new file
	room        func() bool // makes room on a full disk; false: there is none to make
	copies      bool        // a copy stays from before a migration
	now         func() time.Time
}

// outcome says what opening found.
type outcome struct {
	aside  string // name of the file that was set aside; empty: none
	reason error  // why
	fresh  bool   // the file is new and empty
	older  bool   // the file is the copy from before a migration
}

var errUnsound = errors.New("not sound")

// open opens the file. A damaged or newer one is set aside and replaced. An
// error means that not even an empty file can be had.
func (o opening) open() (*file, outcome, error) {
	var out outcome
	f, err := o.load()
	if isFull(err) && o.room() {
		f, err = o.load()
	}
	if err == nil {
		return f, out, nil
	}
	if !replaceable(err) {
		return nil, out, fmt.Errorf("opening %s: %w", filepath.Base(o.path), err)
	}
	if !isMissing(err) {
		out.reason = err
	}
	if out.aside, err = o.setAside(out.reason); err != nil {
		return nil, out, fmt.Errorf("setting aside %s: %w", filepath.Base(o.path), errors.Join(out.reason, err))
	}
	if out.aside != "" && out.reason == nil {
		out.reason = fmt.Errorf("its main part is gone: %w", errUnsound)
	}
	if errors.Is(out.reason, errNewer) && o.copies {
		out.older = copyFile(versionCopy(o.path, len(o.steps)), o.path) == nil
	}
	if !out.older {
		out.fresh = true
		if err := o.create(); isFull(err) && o.room() {
			err = o.create()
			if err != nil {
				return nil, out, err
			}
		} else if err != nil {
			return nil, out, err
		}
	}
	f, err = o.load()
	return f, out, err
}

// replaceable reports whether a new file is the answer to err. It is not when the
// file is sound and something else is wrong (a full disk, a migration that
// fails): then the file stays where the next program looks for it.
func replaceable(err error) bool {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR:
		return !isFull(err)
	}
	return isMissing(err) || isCorrupt(err) || errors.Is(err, errNewer)
}

// load opens an existing file, checks that it is whole and ours, and migrates
// it. A missing file is fs.ErrNotExist.
func (o opening) load() (_ *file, err error) {
	st, err := os.Lstat(o.path)
	if err != nil {
		return nil, err
	}
	switch {
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("it is no regular file: %w", errUnsound)
	case st.Size() < 512:
		// Less than one page: SQLite would take it for a new file and write to it.
		// Ours get their name when they are whole, so this one was cut.
		return nil, fmt.Errorf("it is empty: %w", errUnsound)
	}
	f, err := openFile(o.path, o.synchronous)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	var id int32
	if err := f.row(`PRAGMA application_id`).Scan(&id); err != nil {
		return nil, err
	}
	if id != o.id {
		return nil, fmt.Errorf("it belongs to another program: %w", errUnsound)
	}
	if st.Size() <= o.checkUpTo {
		var verdict string
		if err := f.row(`PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
			return nil, fmt.Errorf("checking: %w", err)
		}
		if verdict != "ok" {
			return nil, fmt.Errorf("%s: %w", verdict, errUnsound)
		}
	}
	return f, f.migrate(o.steps, o.copies)
}

// create makes an empty file under another name and renames it when it is
// whole and on the disk.
func (o opening) create() error {
	tmp := o.path + ".new"
	if err := removeAll(tmp); err != nil {
		return fmt.Errorf("removing an unfinished file: %w", err)
	}
	f, err := openFile(tmp, "FULL")
	if err != nil {
		return err
	}
	ctx := context.Background()
	_, err = f.conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA auto_vacuum = %s; VACUUM`, o.id, o.vacuum))
	if err == nil {
		err = f.migrate(o.steps, o.copies)
	}
	if err == nil {
		_, err = f.conn.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	}
	if err = errors.Join(err, f.close()); err == nil {
		err = syncFile(tmp)
	}
	if err != nil {
		return fmt.Errorf("making %s: %w", filepath.Base(o.path), errors.Join(err, removeAll(tmp)))
	}
	if err := os.Rename(tmp, o.path); err != nil {
		return fmt.Errorf("making %s: %w", filepath.Base(o.path), err)
	}
	return syncDir(o.path)
}

// setAside renames the file and what stands beside it. Nothing there: no name.
func (o opening) setAside(reason error) (name string, err error) {
	kind := "damaged"
	if errors.Is(reason, errNewer) {
		kind = "newer"
	}
	name = freeName(o.path, kind, o.now())
	moved := false
	for _, suffix := range companions {
		err := os.Rename(o.path+suffix, name+suffix)
		if err != nil && !isMissing(err) {
			return "", err
		}
		moved = moved || err == nil
	}
	if !moved {
		return "", nil
	}
	return filepath.Base(name), syncDir(o.path)
}

// freeName is a name with the time in it that nothing has yet.
func freeName(path, kind string, now time.Time) string {
	base := fmt.Sprintf("%s.%s-%s", path, kind, now.UTC().Format("20060102T150405Z"))
	name := base
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); isMissing(err) {
			return name
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// copyFile puts a copy of src at dst, whole or not at all.
func copyFile(src, dst string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := dst + ".new"
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return os.Rename(tmp, dst)
}

func syncDir(path string) error { return syncFile(filepath.Dir(path)) }

// lockDir keeps a second process away: it would set aside files that are in use.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the records: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("the records in %s are in use by another process: stop it first: %w", dir, err), f.Close())
	}
	return f, nil
}

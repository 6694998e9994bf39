//go:build kernel

package records

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stairgate/config/identity"
	"stairgate/dhcp"
)

// remount makes a disk read-only, or writable again.
func remount(t *testing.T, disk string, flags uintptr) {
	t.Helper()
	must(t, syscall.Mount("", disk, "", syscall.MS_REMOUNT|flags, ""))
}

// A card that has become read-only while the box was off: the box starts on a
// copy, and what it held is on the card when that can be written again.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	c, disk, spare := newClock(), small(t), filepath.Join(t.TempDir(), "spare")
	dir := filepath.Join(disk, "records")
	db := openClean(t, dir, c)
	other := identity.MAC{2, 9}
	for _, mac := range []identity.MAC{macA, other} {
		_, _, err := db.Sign(signIn(c, "Jane Doe", mac))
		must(t, err)
	}
	must(t, db.Leases().Commit([]dhcp.Lease{lease(1, c)}))
	must(t, db.Close())
	remount(t, disk, syscall.MS_RDONLY)

	if _, _, err := Open(dir, c.Now); err == nil {
		t.Fatal("records were opened on a disk that cannot be written")
	}
	if !ReadOnly(dir) || CanWrite(dir) == nil {
		t.Error("a read-only disk is taken for a writable one")
	}
	db, alarms, err := OpenOrCopy(dir, spare, c.Now)
	must(t, err)
	if len(alarms) > 0 || !db.OnCopy() {
		t.Errorf("alarms %q, on a copy: %v", alarms, db.OnCopy())
	}
	live, err := db.LiveSessions(c.Now())
	if err != nil || len(live) != 2 {
		t.Errorf("%d live sessions, %v", len(live), err)
	}
	leases, err := db.Leases().Load()
	if err != nil || len(leases) != 1 {
		t.Errorf("%d leases, %v", len(leases), err)
	}
	// No record, no admission.
	if _, _, err := db.Sign(signIn(c, "John Roe", macB)); !errors.Is(err, ErrNotWritten) || !strings.Contains(Sentence(err), "must be replaced") {
		t.Errorf("signing on a copy: %v (%s)", err, Sentence(err))
	}
	if _, err := db.Continue(macA, signIn(c, "", macA).Addr, signIn(c, "", macA).Policy.Version, c.Now().Add(time.Hour)); !errors.Is(err, ErrNotWritten) {
		t.Errorf("continuing on a copy: %v", err)
	}
	if err := db.Writable(); !errors.Is(err, ErrNotWritten) {
		t.Errorf("a copy passes for writable: %v", err)
	}
	if err := db.LogQueries([]Query{{Time: c.Now(), Name: "example.com"}}); !errors.Is(err, ErrNotWritten) {
		t.Errorf("the query log fills the memory: %v", err)
	}
	// Taking out and renewing go on, over a crash of this program too.
	must(t, db.Revoke("tess", other, "lost"))
	must(t, db.Leases().Commit([]dhcp.Lease{lease(2, c)}))
	must(t, db.Close())
	db, _, err = OpenOrCopy(dir, spare, c.Now)
	must(t, err)
	if d, _, err := db.Device(other); err != nil || d.State != Revoked {
		t.Errorf("after a crash: %+v, %v", d, err)
	}
	must(t, db.Close())

	remount(t, disk, 0)
	db, alarms, err = OpenOrCopy(dir, spare, c.Now)
	must(t, err)
	if len(alarms) != 1 || !strings.Contains(alarms[0], "can be written again") || db.OnCopy() {
		t.Errorf("alarms %q", alarms)
	}
	if d, _, err := db.Device(other); err != nil || d.State != Revoked {
		t.Errorf("the revocation was lost: %+v, %v", d, err)
	}
	if leases, err := db.Leases().Load(); err != nil || len(leases) != 2 {
		t.Errorf("%d leases, %v", len(leases), err)
	}
	must(t, db.Verify())
	must(t, db.Writable())
	_, _, err = db.Sign(signIn(c, "John Roe", macB))
	must(t, err)
	if _, err := os.Lstat(spare); !isMissing(err) {
		t.Errorf("the copy is still there: %v", err)
	}
	must(t, db.Close())
}

// A card that takes a probe and fails with the next write: the copy is not given up for
// what the card held before.
func TestCardThatFailsAgain(t *testing.T) {
	t.Parallel()
	c, disk, spare := newClock(), small(t), filepath.Join(t.TempDir(), "spare")
	dir := filepath.Join(disk, "records")
	db := openClean(t, dir, c)
	_, _, err := db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	must(t, db.Close())
	remount(t, disk, syscall.MS_RDONLY)
	db, _, err = OpenOrCopy(dir, spare, c.Now)
	must(t, err)
	must(t, db.Revoke("tess", macA, "lost"))
	must(t, db.Close())

	remount(t, disk, 0)
	inTheWay := filepath.Join(dir, "records.db.new")
	must(t, os.Mkdir(inTheWay, 0o700))
	must(t, os.WriteFile(filepath.Join(inTheWay, "x"), nil, 0o600))
	db, alarms, err := OpenOrCopy(dir, spare, c.Now)
	must(t, err)
	if !db.OnCopy() || len(alarms) != 1 || !strings.Contains(alarms[0], "cannot be put on it") {
		t.Errorf("on a copy: %v, alarms %q", db.OnCopy(), alarms)
	}
	if d, _, err := db.Device(macA); err != nil || d.State != Revoked {
		t.Errorf("the revocation was lost: %+v, %v", d, err)
	}
	must(t, db.Close())

	must(t, os.RemoveAll(inTheWay))
	db, _, err = OpenOrCopy(dir, spare, c.Now)
	must(t, err)
	defer db.Close()
	if d, _, err := db.Device(macA); err != nil || d.State != Revoked || db.OnCopy() {
		t.Errorf("afterwards: %+v, on a copy: %v, %v", d, db.OnCopy(), err)
	}
}

// A copy that does not continue what the card holds never replaces it: a card
// from another box was put in.
func TestCopyOfAnotherCard(t *testing.T) {
	t.Parallel()
	c, disk, spare := newClock(), small(t), filepath.Join(t.TempDir(), "spare")
	dir := filepath.Join(disk, "records")
	must(t, openClean(t, dir, c).Close())
	remount(t, disk, syscall.MS_RDONLY)
	db, _, err := OpenOrCopy(dir, spare, c.Now)
	must(t, err)
	must(t, db.Close())
	remount(t, disk, 0)
	must(t, os.RemoveAll(dir))
	c.Advance(time.Minute)
	db = openClean(t, dir, c)
	_, _, err = db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	must(t, db.Close())
	db, alarms, err := OpenOrCopy(dir, spare, c.Now)
	must(t, err)
	defer db.Close()
	if len(alarms) != 1 || !strings.Contains(alarms[0], "is lost") {
		t.Errorf("alarms %q", alarms)
	}
	if live, err := db.LiveSessions(c.Now()); err != nil || len(live) != 1 {
		t.Errorf("%d live sessions, %v", len(live), err)
	}
}

// Records in use by another process are nobody's to copy.
func TestNoCopyOfRecordsInUse(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := t.TempDir()
	openClean(t, dir, c)
	if _, _, err := OpenOrCopy(dir, filepath.Join(t.TempDir(), "spare"), c.Now); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("a second process gets %v", err)
	}
}

// A card that is not there at all: the box starts and knows nobody.
func TestNoDisk(t *testing.T) {
	t.Parallel()
	c, disk := newClock(), small(t)
	remount(t, disk, syscall.MS_RDONLY)
	db, alarms, err := OpenOrCopy(filepath.Join(disk, "records"), filepath.Join(t.TempDir(), "spare"), c.Now)
	must(t, err)
	defer db.Close()
	if len(alarms) != 1 || !strings.Contains(alarms[0], "cannot be read") || !db.OnCopy() {
		t.Errorf("alarms %q", alarms)
	}
}

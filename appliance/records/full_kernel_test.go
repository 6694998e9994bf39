//go:build kernel

package records

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stairgate/config/identity"
	"stairgate/dhcp"
)

// small mounts a disk of 24 MB.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"))
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// stuff fills the disk to its last byte with somebody else's file.
func stuff(t *testing.T, dir string) (remove func()) {
	t.Helper()
	f, err := os.CreateTemp(dir, "somebody-elses-")
	must(t, err)
	path := f.Name()
	for b := make([]byte, 4096); ; {
		if _, err = f.Write(b); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	must(t, f.Close())
	return func() { must(t, os.Remove(path)) }
}

// The disk fills up while the school is at work.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	c, disk := newClock(), small(t)
	db := openClean(t, filepath.Join(disk, "records"), c)
	must(t, db.CreateAccount("set-up", tess, true))
	for i := range 20 {
		_, _, err := db.Sign(signIn(c, "Jane Doe", identity.MAC{2, byte(i)}))
		must(t, err)
	}
	free := stuff(t, disk)

	// Nobody new: perhaps a few that fit what is allocated already, then none.
	var err error
	for i := 0; err == nil && i < 5000; i++ {
		_, _, err = db.Sign(signIn(c, "John Roe", identity.MAC{4, 0, 0, 0, byte(i >> 8), byte(i)}))
	}
	if !errors.Is(err, ErrNotWritten) || !strings.Contains(Sentence(err), "storage is full") {
		t.Fatalf("signing on a full disk: %v (%s)", err, Sentence(err))
	}
	if err := db.Writable(); !errors.Is(err, ErrNotWritten) {
		t.Errorf("Writable on a full disk: %v", err)
	}
	if err := db.LogQueries([]Query{{Time: c.Now(), Name: "example.com"}}); !errors.Is(err, ErrNotWritten) {
		t.Errorf("logging on a full disk: %v", err)
	}

	// Who must go can go, who is in stays in, and the technician can come.
	for i := range 20 {
		must(t, db.Revoke("tess", identity.MAC{2, byte(i)}, "lost"))
	}
	for i := range 500 {
		must(t, db.Leases().Commit([]dhcp.Lease{lease(uint32(i%50), c)}))
		if i%50 == 0 {
			_, err := db.StartAdminSession("tess", c.Now().Add(time.Hour))
			must(t, err)
			must(t, db.Audit("tess", "looked", "health", ""))
		}
	}
	if _, _, err := db.Sign(signIn(c, "John Roe", macB)); !errors.Is(err, ErrNotWritten) {
		t.Errorf("somebody new got in on the reserve: %v", err)
	}
	must(t, db.Verify())

	// A restart on the full disk loses nothing either.
	must(t, db.Close())
	freeMore := stuff(t, disk)
	db, alarms, err := Open(filepath.Join(disk, "records"), c.Now)
	must(t, err)
	defer db.Close()
	if len(alarms) != 1 || !strings.Contains(alarms[0], "storage is full") {
		t.Errorf("alarms %q", alarms)
	}
	d, ok, err := db.Device(identity.MAC{2, 3})
	if err != nil || !ok || d.State != Revoked {
		t.Errorf("device after the restart: %+v %v", d, err)
	}

	free()
	freeMore()
	must(t, db.Writable())
	_, _, err = db.Sign(signIn(c, "John Roe", macB))
	must(t, err)
	must(t, db.LogQueries([]Query{{Time: c.Now(), Name: "example.com"}}))
	if p := db.Problems(); len(p) > 0 {
		t.Errorf("problems after there is room again: %v", p)
	}
	must(t, db.Verify())
}

// The query log alone can never fill the disk.
func TestQueryLogLeavesRoom(t *testing.T) {
	t.Parallel()
	c, disk := newClock(), small(t)
	db := openClean(t, filepath.Join(disk, "records"), c)
	var batch []Query
	var err error
	for n := 0; err == nil && n < 1000; n++ {
		batch = batch[:0]
		for i := range 500 { // no two alike, as a device makes them that means harm
			batch = append(batch, Query{Time: c.Now(), MAC: macA, Name: fmt.Sprintf("n%x.%x.example.com", rand.Uint64(), rand.Uint64()), Rule: fmt.Sprint(n, i)})
		}
		err = db.LogQueries(batch)
	}
	if !errors.Is(err, ErrNotWritten) || !strings.Contains(db.Problems()["queries"], "paused") {
		t.Fatalf("the log fills the disk: %v, %v", err, db.Problems())
	}
	for i := range 100 {
		_, _, err := db.Sign(signIn(c, "Jane Doe", identity.MAC{2, byte(i)}))
		must(t, err)
	}
	must(t, db.Writable())
	if _, err := db.PruneQueries(c.Now(), QueryLimits{Days: 90, Rows: 1000}); err != nil {
		t.Fatal(err)
	}
	must(t, db.LogQueries(batch))
}

// The first start on a disk that is full from the beginning says so.
func TestFirstStartOnAFullDisk(t *testing.T) {
	t.Parallel()
	c, disk := newClock(), small(t)
	free := stuff(t, disk)
	if _, _, err := Open(filepath.Join(disk, "records"), c.Now); !isFull(err) {
		t.Errorf("opening: %v", err)
	}
	free()
	openClean(t, filepath.Join(disk, "records"), c)
}

package records

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// used makes a directory as a box leaves it that was unplugged: with -wal and
// -shm still there when wal is set, else after an orderly stop.
func used(t *testing.T, c *clock, wal bool) (dir string) {
	t.Helper()
	madeOnce.Do(func() { made[false], made[true] = makeUsed(t, c) })
	dir = t.TempDir()
	for name, b := range made[wal] {
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	return dir
}

var (
	madeOnce sync.Once
	made     = make(map[bool]map[string][]byte)
)

func makeUsed(t *testing.T, c *clock) (stopped, unplugged map[string][]byte) {
	t.Helper()
	dir := t.TempDir()
	db, _, err := Open(dir, c.Now)
	must(t, err)
	for i := range 50 {
		_, _, err := db.Sign(signIn(c, fmt.Sprintf("Person %c%c", 'A'+i/26, 'A'+i%26), macA))
		must(t, err)
		must(t, db.LogQueries([]Query{{Time: c.Now(), Name: "example.com", Action: "allow"}}))
	}
	unplugged = contents(t, dir)
	must(t, db.Close())
	return contents(t, dir), unplugged
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	files := make(map[string][]byte)
	for _, e := range entries {
		if e.Name() == "reserve" {
			continue // as if the last run had given it up: it is made again
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		must(t, err)
		files[e.Name()] = b
	}
	return files
}

func garbage(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// damage is what happens to storage cards.
var damage = map[string]func(path string) error{
	"garbage":     func(p string) error { return os.WriteFile(p, garbage(1<<16), 0o600) },
	"zero length": func(p string) error { return os.Truncate(p, 0) },
	"one byte":    func(p string) error { return os.WriteFile(p, []byte{0}, 0o600) },
	"all zeros":   func(p string) error { return os.WriteFile(p, make([]byte, 1<<16), 0o600) },
	"truncated":   func(p string) error { return os.Truncate(p, 20_000) },
	"text":        func(p string) error { return os.WriteFile(p, []byte("hello\n"), 0o600) },
	"wrong header": func(p string) error {
		return patch(p, 0, []byte("SQLite format 4\x00"))
	},
	"root page": func(p string) error { return patch(p, 100, garbage(3000)) },
	"inner page": func(p string) error {
		return patch(p, 3*4096, garbage(4096))
	},
	"every page's type": func(p string) error {
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for i := 4096; i < len(b); i += 4096 {
			b[i] ^= 0xff
		}
		return os.WriteFile(p, b, 0o600)
	},
	"another program's": func(p string) error { return patch(p, 68, []byte{1, 2, 3, 4}) },
	"a directory":       func(p string) error { return errors.Join(os.Remove(p), os.MkdirAll(filepath.Join(p, "x"), 0o700)) },
}

func patch(path string, at int64, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, at)
	return errors.Join(err, f.Close())
}

func TestDamagedRecordsAreSetAside(t *testing.T) {
	t.Parallel()
	for name, hurt := range damage {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			dir := used(t, c, false)
			path := filepath.Join(dir, "records.db")
			must(t, hurt(path))
			before, _ := os.ReadFile(path)
			db, alarms, err := Open(dir, c.Now)
			must(t, err)
			if len(alarms) != 1 || !strings.HasPrefix(alarms[0], "The records were damaged (") || !strings.Contains(alarms[0], "records.db.damaged-20260105T083000Z") {
				t.Errorf("alarms %q", alarms)
			}
			after, _ := os.ReadFile(path + ".damaged-20260105T083000Z")
			if !bytes.Equal(before, after) {
				t.Error("the file set aside is not what was there")
			}
			if sigs, err := db.Signatures(SignatureFilter{}); err != nil || len(sigs) != 0 {
				t.Errorf("the new file is not empty: %d, %v", len(sigs), err)
			}
			// The query log of the same box is untouched.
			if q, err := db.Queries(QueryFilter{}); err != nil || len(q) != 50 {
				t.Errorf("%d queries, %v", len(q), err)
			}
			// The new chain names the end of the old one.
			e, _, err := db.Head()
			if err != nil || e.Seq != 1 || !strings.Contains(e.Detail, "its last event was 51, hash ") {
				t.Errorf("the new chain begins with %+v, %v", e, err)
			}
			_, _, err = db.Sign(signIn(c, "Jane Doe", macA))
			must(t, err)
			must(t, db.Verify())
			must(t, db.Close())
			openClean(t, dir, c)
		})
	}
}

func TestDamagedQueryLogStopsNothing(t *testing.T) {
	t.Parallel()
	for name, hurt := range damage {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			dir := used(t, c, false)
			must(t, hurt(filepath.Join(dir, "queries.db")))
			db, alarms, err := Open(dir, c.Now)
			must(t, err)
			defer db.Close()
			if len(alarms) != 1 || !strings.HasPrefix(alarms[0], "The query log was damaged") {
				t.Errorf("alarms %q", alarms)
			}
			if sigs, err := db.Signatures(SignatureFilter{}); err != nil || len(sigs) != 50 {
				t.Errorf("%d signatures, %v", len(sigs), err)
			}
			must(t, db.LogQueries([]Query{{Time: c.Now(), Name: "example.org"}}))
			if q, err := db.Queries(QueryFilter{}); err != nil || len(q) != 1 {
				t.Errorf("%d queries in the new log, %v", len(q), err)
			}
		})
	}
}

// After a power cut the log beside the file may hold everything. Whatever is
// wrong with it, the box boots and says so.
func TestDamagedWAL(t *testing.T) {
	t.Parallel()
	for name, hurt := range map[string]func(wal string) error{
		"untouched":      func(string) error { return nil },
		"a bit flipped":  func(p string) error { return patch(p, 60_000, []byte{0xa5, 0x5a}) },
		"garbage":        func(p string) error { return os.WriteFile(p, garbage(1<<16), 0o600) },
		"truncated":      func(p string) error { return os.Truncate(p, 70_001) },
		"gone":           os.Remove,
		"a directory":    func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) },
		"shm is garbage": func(p string) error { return os.WriteFile(strings.TrimSuffix(p, "wal")+"shm", garbage(1<<15), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			dir := used(t, c, true)
			must(t, hurt(filepath.Join(dir, "records.db-wal")))
			db, alarms, err := Open(dir, c.Now)
			must(t, err)
			defer db.Close()
			sigs, err := db.Signatures(SignatureFilter{Limit: 100})
			must(t, err)
			t.Logf("%d of 50 signatures, alarms %q", len(sigs), alarms)
			if whole := len(sigs) == 50; whole == (len(alarms) > 0) {
				t.Errorf("%d of 50 signatures survived, alarms %q", len(sigs), alarms)
			}
			_, _, err = db.Sign(signIn(c, "Jane Doe", macA))
			must(t, err)
			must(t, db.Verify())
		})
	}
}

// Any byte of the file may be wrong: the box boots, and what it shows afterwards
// is true or there is an alarm.
func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	c := newClock()
	src := used(t, c, false)
	whole, err := os.ReadFile(filepath.Join(src, "records.db"))
	must(t, err)
	head, err := os.ReadFile(filepath.Join(src, "audit.head"))
	must(t, err)
	r := rand.New(rand.NewPCG(3, 4))
	silent := 0
	for i := range 60 {
		dir := t.TempDir()
		b := bytes.Clone(whole)
		at := r.IntN(len(b))
		b[at] ^= 1 << r.IntN(8)
		must(t, os.WriteFile(filepath.Join(dir, "records.db"), b, 0o600))
		must(t, os.WriteFile(filepath.Join(dir, "audit.head"), head, 0o600))
		db, alarms, err := Open(dir, c.Now)
		if err != nil {
			t.Fatalf("flip %d at byte %d: the box does not boot: %v", i, at, err)
		}
		if len(alarms) == 0 {
			silent++
			if err := db.Verify(); err != nil {
				t.Errorf("flip at byte %d: no alarm, but %v", at, err)
			}
			sigs, err := db.Signatures(SignatureFilter{Limit: 100})
			if err != nil || len(sigs) != 50 {
				t.Errorf("flip at byte %d: no alarm, %d signatures, %v", at, len(sigs), err)
			}
		}
		must(t, db.Close())
	}
	t.Logf("%d of 60 flips hit empty space or columns without a hash", silent)
}

func TestRemovedRecordsAreAnAlarm(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := used(t, c, false)
	must(t, os.Remove(filepath.Join(dir, "records.db")))
	db, alarms, err := Open(dir, c.Now)
	must(t, err)
	defer db.Close()
	if len(alarms) != 1 || !strings.Contains(alarms[0], "records.db was removed") {
		t.Errorf("alarms %q", alarms)
	}
	if e, _, err := db.Head(); err != nil || !strings.Contains(e.Detail, "the file before was removed; its last event was 51") {
		t.Errorf("the chain begins with %+v, %v", e, err)
	}
}

func TestUnfinishedFileIsMadeAgain(t *testing.T) {
	t.Parallel()
	c, dir := newClock(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "records.db.new"), garbage(5000), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "records.db.new-wal"), garbage(5000), 0o600))
	openClean(t, dir, c)
}

func TestDirectoryThatCannotBe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "perm")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, _, err := Open(filepath.Join(file, "records"), newClock().Now); err == nil {
		t.Error("opened below a file")
	}
}

// A damaged query log found while running is replaced, and the lines that found
// it are stored in the new one.
func TestQueryLogDamagedWhileRunning(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := used(t, c, false)
	path := filepath.Join(dir, "queries.db")
	db := openClean(t, dir, c)
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, patch(path, 4096, garbage(len(b)-4096)))
	_, err = db.queries.file.conn.ExecContext(t.Context(), `PRAGMA shrink_memory`) // what is cached is still sound
	must(t, err)
	must(t, db.LogQueries([]Query{{Time: c.Now(), Name: "example.org"}}))
	if q, err := db.Queries(QueryFilter{}); err != nil || len(q) != 1 || q[0].Name != "example.org" {
		t.Errorf("queries %+v, %v", q, err)
	}
	if s := db.Problems()["queries.damaged"]; !strings.Contains(s, "has been set aside as queries.db.damaged-") {
		t.Errorf("problems %v", db.Problems())
	}
	must(t, db.Writable())
}

func TestNewerIsSetAside(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := used(t, c, false)
	now := migrations()
	next := schemas{
		records: append(slices.Clone(now.records), `-- BEFORE: x. AFTER: y.
			CREATE TABLE visitors (id INTEGER PRIMARY KEY) STRICT;`),
		queries: append(now.queries[:len(now.queries):len(now.queries)], `CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT;`),
	}
	// The update keeps everything, and a copy of how it was.
	db, alarms, err := open(dir, c.Now, next)
	must(t, err)
	if len(alarms) > 0 {
		t.Fatalf("alarms after a migration: %q", alarms)
	}
	_, _, err = db.Sign(signIn(c, "New Person", macB))
	must(t, err)
	must(t, db.Close())

	// The update is taken back: the records of before it are there again.
	db, alarms, err = Open(dir, c.Now)
	must(t, err)
	if len(alarms) != 2 || !strings.Contains(alarms[0], "written by a newer version") || !strings.Contains(alarms[0], "records.db.newer-") ||
		!strings.Contains(alarms[0], "from before that version") {
		t.Errorf("alarms %q", alarms)
	}
	if sigs, err := db.Signatures(SignatureFilter{Limit: 100}); err != nil || len(sigs) != 50 {
		t.Errorf("%d signatures, want the 50 of before: %v", len(sigs), err)
	}
	must(t, db.Verify())
	if e, _, err := db.Head(); err != nil || !strings.Contains(e.Detail, "newer") {
		t.Errorf("the chain goes on with %+v, %v", e, err)
	}
	must(t, db.Close())
	openClean(t, dir, c)
}

func TestNewerWithoutACopy(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := used(t, c, false)
	must(t, patch(filepath.Join(dir, "records.db"), 60, []byte{0, 0, 0, 99})) // user_version
	db, alarms, err := Open(dir, c.Now)
	must(t, err)
	defer db.Close()
	if len(alarms) != 1 || !strings.Contains(alarms[0], "newer version") || !strings.Contains(alarms[0], "new, empty records") {
		t.Errorf("alarms %q", alarms)
	}
}

func TestMigrationThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := used(t, c, false)
	broken := migrations()
	broken.records = append(slices.Clone(broken.records), `CREATE TABLE half (id INTEGER) STRICT; CREATE TABLE nonsense (`)
	_, _, err := open(dir, c.Now, broken)
	if err == nil {
		t.Fatal("a broken migration went through")
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "*.damaged-*")); len(aside) > 0 {
		t.Errorf("a sound file was set aside: %v", aside)
	}
	db := openClean(t, dir, c)
	if sigs, err := db.Signatures(SignatureFilter{Limit: 100}); err != nil || len(sigs) != 50 {
		t.Errorf("%d signatures, %v", len(sigs), err)
	}
}

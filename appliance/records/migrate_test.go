package records

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A version on trial migrates the records, people sign, and it is taken back:
// the version before reads and writes the same file, and so does the newer one
// when it is installed again.
func TestVersionTakenBackKeepsWhatWasSigned(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := used(t, c, false)
	now := migrations()
	next := schemas{
		records: append(slices.Clone(now.records), "-- OLDEST: 2\nCREATE TABLE visitors (id INTEGER PRIMARY KEY) STRICT; ALTER TABLE people ADD COLUMN badge TEXT NOT NULL DEFAULT '';"),
		queries: append(slices.Clone(now.queries), "-- OLDEST: 2\nCREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT;"),
	}
	sign := func(open func() (*DB, []string, error), name string, want int) {
		t.Helper()
		db, alarms, err := open()
		must(t, err)
		if len(alarms) > 0 {
			t.Errorf("%s: alarms %q", name, alarms)
		}
		_, _, err = db.Sign(signIn(c, name, macB))
		must(t, err)
		must(t, db.LogQueries([]Query{{Time: c.Now(), MAC: macB, Name: "www.bbc.co.uk", Type: "A", Action: "allow", Person: name}}))
		if sigs, err := db.Signatures(SignatureFilter{Limit: 100}); err != nil || len(sigs) != want {
			t.Errorf("%s: %d signatures, want %d: %v", name, len(sigs), want, err)
		}
		if rows, err := db.Queries(QueryFilter{Person: name}); err != nil || len(rows) != 1 {
			t.Errorf("%s: %d questions: %v", name, len(rows), err)
		}
		must(t, db.Verify())
		must(t, db.Close())
	}
	newer := func() (*DB, []string, error) { return open(dir, c.Now, next) }
	older := func() (*DB, []string, error) { return Open(dir, c.Now) }
	sign(newer, "On Trial", 51)
	sign(older, "Taken Back", 52)
	sign(newer, "Once Again", 53)
	if aside, _ := filepath.Glob(filepath.Join(dir, "*.newer-*")); len(aside) > 0 {
		t.Errorf("set aside: %q", aside)
	}
}

// What a file once demanded it demands for ever, whatever later migrations allow.
func TestOldestOnlyRises(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := used(t, c, false)
	now := migrations()
	breaking := append(slices.Clone(now.records), "CREATE TABLE a (id INTEGER) STRICT;")
	db, _, err := open(dir, c.Now, schemas{append(breaking, "-- OLDEST: 1\nCREATE TABLE b (id INTEGER) STRICT;"), now.queries})
	must(t, err)
	must(t, db.Close())
	_, alarms, err := openAndClose(t, func() (*DB, []string, error) { return Open(dir, c.Now) })
	if must(t, err); len(alarms) == 0 || !strings.Contains(alarms[0], "written by a newer version") {
		t.Errorf("alarms %q", alarms)
	}
}

func openAndClose(t *testing.T, open func() (*DB, []string, error)) (*DB, []string, error) {
	t.Helper()
	db, alarms, err := open()
	must(t, err)
	return db, alarms, db.Close()
}

// firstImage is the schema of the first version that came as an image: from
// then on the version before must be able to go on with the file.
const firstImage = 2

var additive = regexp.MustCompile(`(?is)^(CREATE (TABLE|INDEX|UNIQUE INDEX) |INSERT OR IGNORE |ALTER TABLE \w+ ADD COLUMN )`)

func TestMigrationsLeaveTheVersionBeforeItsWork(t *testing.T) {
	for name, steps := range map[string][]string{"records": migrations().records, "queries": migrations().queries} {
		for i, step := range steps {
			number := i + 1
			oldest := oldestOf(step, number)
			if number > firstImage && oldest >= number {
				t.Errorf("%s %d: say which older program can work with it (-- OLDEST: %d), or make the change in two versions", name, number, number-1)
			}
			if oldest == number {
				continue
			}
			for _, statement := range strings.Split(regexp.MustCompile(`--[^\n]*`).ReplaceAllString(step, ""), ";\n") {
				if statement = strings.TrimSpace(statement); statement != "" && !additive.MatchString(statement) {
					t.Errorf("%s %d lets older programs work, but is more than an addition: %.60s", name, number, statement)
				}
			}
		}
	}
	for step, want := range map[string]int{"-- OLDEST: 2\nx": 2, "-- BEFORE\n-- OLDEST: 1\n": 1, "x": 5, "-- OLDEST: 9\n": 5, "-- OLDEST: 0\n": 5, "y -- OLDEST: 1": 5} {
		if got := oldestOf(step, 5); got != want {
			t.Errorf("%q: %d, want %d", step, got, want)
		}
	}
}

func TestCopyOfTheRecords(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir, to := used(t, c, false), t.TempDir()
	db := openClean(t, dir, c)
	must(t, db.CopyTo(filepath.Join(to, "records.db")))
	must(t, db.CopyTo(filepath.Join(to, "records.db"))) // replaces it
	must(t, db.Close())
	if err := db.CopyTo(filepath.Join(to, "late.db")); err == nil {
		t.Error("copied after Close")
	}
	kept, _, err := Open(to, c.Now)
	must(t, err)
	defer kept.Close()
	if sigs, err := kept.Signatures(SignatureFilter{Limit: 100}); err != nil || len(sigs) != 50 {
		t.Errorf("%d signatures in the copy: %v", len(sigs), err)
	}
}

package records

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stairgate/config/identity"
)

func TestErasingAPersonLeavesNothing(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := t.TempDir()
	db := openClean(t, dir, c)
	for i := range 400 { // in blocks of every kind
		var batch []Query
		for j := range 60 {
			q := Query{Time: c.Now().Add(time.Duration(i*60+j) * time.Second), MAC: macA, Addr: addrA, Person: "Jane Doe", Device: "Office laptop", Name: fmt.Sprintf("n%d-%d.example", i, j), Action: "allow"}
			if j%10 == 0 {
				q.Person, q.MAC, q.Device, q.Name = "Xanthippe Quillfeather", macB, "Xanthippes phone", fmt.Sprintf("xquill%d-%d.example", i, j)
			}
			batch = append(batch, q)
		}
		must(t, db.LogQueries(batch))
	}
	for what, tc := range map[string]struct {
		s      Subject
		reason string
		want   error
	}{
		"nobody":         {Subject{}, "asked", ErrSubject},
		"two":            {Subject{Person: "Jane Doe", MAC: macA}, "asked", ErrSubject},
		"no reason":      {Subject{Person: "Jane Doe"}, "  ", ErrLookupReason},
		"a bad reason":   {Subject{Person: "Jane Doe"}, "\x00", ErrLookupReason},
		"an empty space": {Subject{Person: "\u200b"}, "asked", ErrSubject},
	} {
		if n, err := db.EraseQueries("tess", tc.s, tc.reason); n != 0 || !errors.Is(err, tc.want) {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
	n, err := db.EraseQueries("tess", Subject{Person: "xanthippe  QUILLFEATHER"}, "asked for by her")
	must(t, err)
	left, err := db.CountQueries(QueryFilter{}, 1_000_000)
	must(t, err)
	if n != 2400 || left != 24_000-2400 {
		t.Errorf("%d went, %d are left", n, left)
	}
	info, err := db.QueryLog()
	must(t, err)
	if info.Rows != int64(left) {
		t.Errorf("the log says %d rows", info.Rows)
	}
	for _, f := range []QueryFilter{{Person: "Xanthippe Quillfeather"}, {MAC: macB}, {Contains: "xquill"}} {
		if n, err := db.CountQueries(f, 10); n != 0 || err != nil {
			t.Errorf("%+v: %d rows, %v", f, n, err)
		}
	}
	// Not in the bytes either: names stand there as they are, or back to front.
	for _, name := range []string{"queries.db", "queries.db-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		must(t, err)
		for _, s := range []string{"Quillfeather", "Xanthippes", "llqux", "lliuqx", "xquill"} {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s still holds %q", name, s)
			}
		}
		if name == "queries.db" && !bytes.Contains(b, []byte("Jane Doe")) {
			t.Error("this test cannot see names in the file")
		}
	}
	events, err := db.Events(0, 2)
	must(t, err)
	if len(events) != 2 || events[0].Detail != "2400 rows: asked for by her" || events[1].Verb != "began erasing the query log of" {
		t.Errorf("in the audit: %+v", events)
	}
	// A device, whoever used it.
	n, err = db.EraseQueries("tess", Subject{MAC: macA}, "given back")
	must(t, err)
	if n != 24_000-2400 {
		t.Errorf("%d went", n)
	}
	must(t, db.Verify())
}

// Rows that cannot be read may be the person's: they go.
func TestErasingTakesDamagedBlocks(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	must(t, db.LogQueries([]Query{{Time: c.Now(), Person: "Jane Doe", Name: "a.example"}}))
	_, err := db.queries.file.conn.ExecContext(t.Context(), `UPDATE data SET bytes = x'01'`)
	must(t, err)
	n, err := db.EraseQueries("tess", Subject{Person: "Jane Doe"}, "asked")
	if info, ierr := db.QueryLog(); n != 1 || err != nil || ierr != nil || info.Rows != 0 {
		t.Errorf("%d went, %v; left %+v", n, err, info)
	}
}

func TestHowLongQueriesAreKept(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := t.TempDir()
	db := openClean(t, dir, c)
	l, err := db.QueryLimits()
	must(t, err)
	if l.Days != 90 || l.Rows < 10_000_000 || l.Bytes < 1<<20 {
		t.Errorf("the limits are %+v", l)
	}
	for days, want := range map[int]error{6: ErrQueryDays, 401: ErrQueryDays, -1: ErrQueryDays} {
		if err := db.KeepQueries("tess", days, "why not"); !errors.Is(err, want) {
			t.Errorf("%d days: %v", days, err)
		}
	}
	if err := db.KeepQueries("tess", 30, " "); !errors.Is(err, ErrLookupReason) {
		t.Errorf("without a reason: %v", err)
	}
	now := c.Now()
	for _, age := range []time.Duration{30 * 24 * time.Hour, 30*24*time.Hour - time.Microsecond, 30*24*time.Hour + time.Microsecond, time.Hour} {
		must(t, db.LogQueries([]Query{{Time: now.Add(-age), Name: age.String() + ".example"}}))
	}
	must(t, db.KeepQueries("tess", 30, "decided by the governors"))
	l, err = db.QueryLimits()
	must(t, err)
	n, err := db.PruneQueries(now, l)
	must(t, err)
	info, err := db.QueryLog()
	must(t, err)
	if n != 1 || !info.Oldest.Equal(now.Add(-30*24*time.Hour)) || !info.Newest.Equal(now.Add(-time.Hour)) || info.Rows != 3 {
		t.Errorf("%d went, the log is %+v", n, info)
	}
	// A log that was set aside is not kept for longer either.
	aside := filepath.Join(dir, "queries.db.damaged-20251001T000000Z")
	must(t, os.WriteFile(aside, nil, 0o600))
	must(t, os.Chtimes(aside, now, now.Add(-31*24*time.Hour)))
	_, err = db.PruneQueries(now, l)
	must(t, err)
	if _, err := os.Stat(aside); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a log set aside 31 days ago: %v", err)
	}
}

// The log may not fill the card: whole blocks go, oldest first.
func TestTheLogIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	for i := range 60 {
		var batch []Query
		for j := range 500 {
			batch = append(batch, Query{Time: c.Now().Add(time.Duration(i*500+j) * time.Millisecond), MAC: identity.MAC{2, byte(j)}, Name: fmt.Sprintf("unlike-any-other-%d-%d.example", i, j*j)})
		}
		must(t, db.LogQueries(batch))
	}
	before, err := db.QueryLog()
	must(t, err)
	_, err = db.PruneQueries(c.Now(), QueryLimits{Days: 90, Rows: 1 << 40, Bytes: before.Bytes / 2})
	must(t, err)
	after, err := db.QueryLog()
	must(t, err)
	if after.Bytes > before.Bytes/2 || after.Rows == 0 || !after.Newest.Equal(before.Newest) || !after.Oldest.After(before.Oldest) {
		t.Errorf("from %+v to %+v", before, after)
	}
}

// The log of the program before is taken over by the first pruning.
func TestAnOlderLogIsTakenOver(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := t.TempDir()
	first := migrations()
	first.queries = first.queries[:1]
	db, _, err := open(dir, c.Now, first)
	must(t, err)
	f := db.queries.file
	want := 0
	for _, day := range []int{20260103, 20260104} {
		table := fmt.Sprintf("q%d", day)
		_, err := f.conn.ExecContext(t.Context(), `CREATE TABLE `+table+` (
			id INTEGER PRIMARY KEY, at INTEGER NOT NULL, mac TEXT NOT NULL, device TEXT NOT NULL, person TEXT NOT NULL, addr TEXT NOT NULL,
			rname TEXT NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, category TEXT NOT NULL, rule TEXT NOT NULL) STRICT;
			CREATE INDEX `+table+`_name ON `+table+` (rname, at);
			INSERT INTO days VALUES (`+fmt.Sprint(day)+`, 20000)`)
		must(t, err)
		must(t, f.transact(func() error {
			for i := range 20_000 {
				at := time.Date(2026, 1, day%100, 8, 0, i, 0, time.UTC)
				if _, err := f.exec(`INSERT INTO `+table+` (at, mac, device, person, addr, rname, type, action, category, rule) VALUES (?, ?, 'Office laptop', 'Jane Doe', '192.168.77.51', ?, 'A', 'block', 'social', 'group/staff')`,
					micros(at), macA.String(), fmt.Sprintf("uk.co.bbc.n%d", i)); err != nil {
					return err
				}
				want++
			}
			return nil
		}))
	}
	must(t, db.Close())

	db = openClean(t, dir, c)
	must(t, db.LogQueries([]Query{{Time: c.Now(), Name: "new.example"}})) // before anybody came to prune
	_, err = db.PruneQueries(c.Now(), QueryLimits{Days: 90, Rows: 1 << 40})
	must(t, err)
	if n, err := db.CountQueries(QueryFilter{Name: "bbc.co.uk", Person: "jane doe", MAC: macA, Category: "social"}, 1_000_000); n != want || err != nil {
		t.Errorf("%d rows of %d, %v", n, want, err)
	}
	p, err := db.SearchQueries(QueryFilter{Limit: 2})
	must(t, err)
	if p.Rows[0].Name != "new.example" || p.Rows[1].Name != "n19999.bbc.co.uk" || p.Rows[1].Addr != netip.MustParseAddr("192.168.77.51") {
		t.Errorf("the newest are %+v", p.Rows)
	}
	var tables string
	must(t, db.queries.file.readRow(`SELECT group_concat(name, ' ') FROM sqlite_schema WHERE type = 'table' ORDER BY name`).Scan(&tables))
	if strings.Contains(tables, "q2026") {
		t.Errorf("left over: %s", tables)
	}
	if copies, _ := filepath.Glob(filepath.Join(dir, "queries.db.schema-*")); len(copies) > 0 {
		t.Errorf("copies that no retention reaches: %v", copies)
	}
}

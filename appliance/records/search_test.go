package records

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"stairgate/config/identity"
)

// naive is the log as a list, in order of arrival, and the search as anybody
// would write it.
type naive []Query

func (n naive) find(f QueryFilter) []Query {
	type placed struct {
		q Query
		i int
	}
	var out []placed
	for i, q := range n {
		name := strings.Trim(strings.ToLower(strings.TrimSpace(f.Name)), ".")
		below := q.Name == name || !f.Exact && strings.HasSuffix(q.Name, "."+name)
		if (f.Since.IsZero() || !q.Time.Before(f.Since)) && (f.Until.IsZero() || q.Time.Before(f.Until)) &&
			(f.MAC.IsZero() || q.MAC == f.MAC) && (f.Person == "" || NameKey(f.Person) == NameKey(q.Person)) &&
			(f.Action == "" || f.Action == q.Action) && (f.Category == "" || f.Category == q.Category) &&
			(name == "" || below) && strings.Contains(q.Name, strings.ToLower(f.Contains)) {
			out = append(out, placed{q, i})
		}
	}
	slices.SortFunc(out, func(a, b placed) int {
		return cmp.Or(b.q.Time.Compare(a.q.Time), cmp.Compare(b.i, a.i))
	})
	rows := make([]Query, len(out))
	for i, p := range out {
		rows[i] = p.q
	}
	return rows
}

// Every search gives what the naive one gives, page by page, forwards and
// backwards, whatever of the log has been put together by then.
func TestSearchesAgreeWithANaiveLog(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	r := rand.New(rand.NewPCG(11, 12))
	var log naive
	for len(log) < 24_000 {
		// Batches overlap in time, as those of two askers do; some are large.
		n := 1 + r.IntN(30)
		if r.IntN(20) == 0 {
			n = 2000
		}
		batch := someRows(r, n, c.Now().Add(-time.Duration(r.IntN(20))*time.Millisecond))
		for i := range batch {
			batch[i] = batch[i].cleaned()
		}
		must(t, db.LogQueries(batch))
		log = append(log, batch...)
		c.Advance((time.Duration(r.IntN(n+1)) * time.Millisecond / 3).Truncate(time.Microsecond))
	}
	var levels string
	must(t, db.queries.file.readRow(`SELECT group_concat(level || ':' || n, ' ') FROM (SELECT level, count(*) AS n FROM blocks GROUP BY level ORDER BY level)`).Scan(&levels))
	if !strings.HasPrefix(levels, "0:") || !strings.Contains(levels, " 1:") || !strings.Contains(levels, " 2:") {
		t.Fatalf("not all kinds of block are there: %s", levels)
	}
	oldest, newest := log.find(QueryFilter{})[len(log)-1].Time, log.find(QueryFilter{})[0].Time
	some := func(of ...string) string { return of[r.IntN(len(of))] }
	for range 120 {
		f := QueryFilter{
			Person:   some("", "", "", "jane DOE", "Zoë O'Connor", "Nobody Atall"),
			Action:   some("", "", "allow", "block", "error"),
			Category: some("", "", "gambling", "hate"),
			Name:     some("", "", "bbc.co.uk", "CO.UK.", "example", "cdn.example", "uk", "nowhere.example"),
			Contains: some("", "", "", "bbc", "once-1", "o.u", "zzz"),
			Exact:    r.IntN(3) == 0,
		}
		if r.IntN(3) == 0 {
			f.MAC = identity.MAC{2, 0, 0, 0, 0, byte(1 + r.IntN(4))}
		}
		if r.IntN(3) == 0 {
			f.Since = oldest.Add(time.Duration(r.Int64N(int64(newest.Sub(oldest)))))
		}
		if r.IntN(3) == 0 {
			f.Until = oldest.Add(time.Duration(r.Int64N(int64(newest.Sub(oldest)))))
		}
		want := log.find(f)
		n, err := db.CountQueries(f, 1_000_000)
		must(t, err)
		if n != len(want) {
			t.Errorf("%+v: counted %d, want %d", f, n, len(want))
		}
		if n, err = db.CountQueries(f, 10); err != nil || n != min(len(want), 10) {
			t.Errorf("%+v: counted to 10: %d, %v", f, n, err)
		}
		var all []Query
		must(t, db.EachQuery(f, func(q Query) error {
			all = append(all, q)
			return nil
		}))
		slices.Reverse(all)
		if !slices.Equal(all, want) {
			t.Errorf("%+v: each of %d rows, want %d", f, len(all), len(want))
		}
		pages(t, db, f, want, 1+r.IntN(300))
		pages(t, db, f, want, 1+r.IntN(4)) // smaller than the rows of one time
		if t.Failed() {
			return
		}
	}
}

// pages turns over the pages of a search (at most a few), there and back.
func pages(t *testing.T, db *DB, f QueryFilter, want []Query, limit int) {
	t.Helper()
	f.Limit = limit
	var seen []QueryPage
	for at := 0; len(seen) < 8; {
		p, err := db.SearchQueries(f)
		must(t, err)
		next := want[at:min(at+limit, len(want))]
		if d := gocmp.Diff(next, p.Rows, sameAddr); d != "" && len(next)+len(p.Rows) > 0 {
			t.Fatalf("%+v: page %d (-want +got):\n%s", f, len(seen), d)
		}
		at += len(p.Rows)
		if p.Older.IsZero() != (at == len(want)) || p.Newer.IsZero() != (len(seen) == 0) {
			t.Fatalf("%+v: page %d of %d rows at %d of %d: older %q, newer %q", f, len(seen), len(p.Rows), at, len(want), p.Older, p.Newer)
		}
		seen = append(seen, p)
		if p.Older.IsZero() {
			break
		}
		f.Before = ParsePosition(p.Older.String())
	}
	for i := len(seen) - 1; i > 0; i-- {
		f.Before, f.After = Position{}, ParsePosition(seen[i].Newer.String())
		p, err := db.SearchQueries(f)
		must(t, err)
		if d := gocmp.Diff(seen[i-1].Rows, p.Rows, sameAddr); d != "" {
			t.Fatalf("%+v: back to page %d (-want +got):\n%s", f, i-1, d)
		}
		if p.Older.IsZero() || p.Newer.IsZero() != (i == 1) {
			t.Fatalf("%+v: back at page %d: older %q, newer %q", f, i-1, p.Older, p.Newer)
		}
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "x", "5", "5_", "_3", "5_-1", "5_x", "99999999999999999999_1", "1_2_3", "5_99999999"} {
		if p := ParsePosition(s); !p.IsZero() || p.String() != "" {
			t.Errorf("%q is the place %q", s, p)
		}
	}
	for _, s := range []string{"5_0", "5_1", "-5_3", "1767601800000000_200"} {
		if p := ParsePosition(s); p.String() != s {
			t.Errorf("%q became %q", s, p)
		}
	}
}

// A block that cannot be read costs its rows and is reported; it goes away with
// its time, and so does the report.
func TestADamagedBlock(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	for i := range 3 {
		must(t, db.LogQueries([]Query{{Time: c.Now().AddDate(0, 0, i), Name: fmt.Sprintf("n%d.example", i)}}))
	}
	_, err := db.queries.file.conn.ExecContext(t.Context(), `UPDATE data SET bytes = x'01ff' WHERE block = 2`)
	must(t, err)
	if got := names(t, db, QueryFilter{}); got != "n2.example n0.example" {
		t.Errorf("found %q", got)
	}
	if s := db.Problems()["queries.block"]; !strings.Contains(s, "6 January 2026, 08:30 to 6 January 2026, 08:30 UTC") {
		t.Errorf("problems %v", db.Problems())
	}
	_, err = db.PruneQueries(c.Now().AddDate(0, 0, 1), QueryLimits{Days: 1, Rows: 1000})
	must(t, err)
	if db.Problems()["queries.block"] == "" {
		t.Error("the report is gone, the block is not")
	}
	_, err = db.PruneQueries(c.Now().AddDate(0, 0, 2).Add(time.Hour), QueryLimits{Days: 1, Rows: 1000})
	must(t, err)
	if p := db.Problems(); len(p) > 0 {
		t.Errorf("problems %v", p)
	}
	if got := names(t, db, QueryFilter{}); got != "n2.example" {
		t.Errorf("found %q", got)
	}
}

package records

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func names(t *testing.T, db *DB, f QueryFilter) string {
	t.Helper()
	found, err := db.Queries(f)
	must(t, err)
	var out []string
	for _, q := range found {
		out = append(out, q.Name)
	}
	return strings.Join(out, " ")
}

func TestQueryLog(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	day1 := c.Now()
	day2 := day1.AddDate(0, 0, 1)
	rows := []Query{
		{Time: day1, MAC: macA, Device: "Office laptop", Person: "Jane Doe", Addr: addrA, Name: "bbc.co.uk", Type: "A", Action: "allow"},
		{Time: day1.Add(time.Second), MAC: macA, Device: "Office laptop", Person: "Jane Doe", Addr: addrA, Name: "www.bbc.co.uk", Type: "HTTPS", Action: "allow"},
		{Time: day1.Add(2 * time.Second), MAC: macB, Person: "John Roe", Addr: addrA, Name: "notbbc.co.uk", Type: "A", Action: "block", Category: "gambling", Rule: "built-in"},
		{Time: day2, MAC: macB, Person: "John Roe", Addr: addrA, Name: "news.bbc.co.uk", Type: "A", Action: "allow"},
		{Time: day2.Add(time.Second), Addr: addrA, Name: "bet.example", Type: "A", Action: "block", Category: "gambling"},
	}
	must(t, db.LogQueries(rows))
	must(t, db.LogQueries(nil))
	got, err := db.Queries(QueryFilter{})
	must(t, err)
	want := []Query{rows[4], rows[3], rows[2], rows[1], rows[0]}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Errorf("log (-want +got):\n%s", d)
	}
	for name, tc := range map[string]struct {
		f    QueryFilter
		want string
	}{
		"name and below":    {QueryFilter{Name: "BBC.co.uk."}, "news.bbc.co.uk www.bbc.co.uk bbc.co.uk"},
		"name, one day":     {QueryFilter{Name: "bbc.co.uk", Until: day1.Add(time.Hour)}, "www.bbc.co.uk bbc.co.uk"},
		"device":            {QueryFilter{MAC: macB}, "news.bbc.co.uk notbbc.co.uk"},
		"person":            {QueryFilter{Person: "jane  DOE"}, "www.bbc.co.uk bbc.co.uk"},
		"blocked":           {QueryFilter{Action: "block"}, "bet.example notbbc.co.uk"},
		"blocked, device":   {QueryFilter{Action: "block", MAC: macB}, "notbbc.co.uk"},
		"allowed":           {QueryFilter{Action: "allow", Limit: 2}, "news.bbc.co.uk www.bbc.co.uk"},
		"since":             {QueryFilter{Since: day2}, "bet.example news.bbc.co.uk"},
		"until":             {QueryFilter{Until: day1.Add(time.Second)}, "bbc.co.uk"},
		"limit over a day":  {QueryFilter{Limit: 3}, "bet.example news.bbc.co.uk notbbc.co.uk"},
		"the next page":     {QueryFilter{Limit: 3, Until: day1.Add(2 * time.Second)}, "www.bbc.co.uk bbc.co.uk"},
		"nobody":            {QueryFilter{Person: "Eve"}, ""},
		"no injection":      {QueryFilter{Name: "'; DROP TABLE days; --", Person: "' OR 1=1 --"}, ""},
		"person not joined": {QueryFilter{Name: "example"}, "bet.example"},
	} {
		if got := names(t, db, tc.f); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestPruneQueries(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	start := c.Now()
	for day := range 10 {
		var batch []Query
		for i := range 3000 {
			batch = append(batch, Query{Time: start.AddDate(0, 0, day).Add(time.Duration(i) * time.Second), MAC: macA, Name: fmt.Sprintf("n%d.day%d.example", i, day), Action: "allow"})
		}
		must(t, db.LogQueries(batch))
	}
	check := func(left int64) {
		t.Helper()
		info, err := db.QueryLog()
		must(t, err)
		n, err := db.CountQueries(QueryFilter{}, 1_000_000)
		must(t, err)
		if info.Rows != left || int64(n) != left {
			t.Errorf("the log says %d lines, there are %d, want %d", info.Rows, n, left)
		}
		oldest := time.Time{}
		must(t, db.EachQuery(QueryFilter{}, func(q Query) error {
			if oldest.IsZero() {
				oldest = q.Time
			}
			return nil
		}))
		if !info.Oldest.Equal(oldest) {
			t.Errorf("the log says that its oldest line is of %s, it is of %s", info.Oldest, oldest)
		}
	}
	now := start.AddDate(0, 0, 9)
	prune := func(l QueryLimits, removed, left int64) {
		t.Helper()
		n, err := db.PruneQueries(now, l)
		must(t, err)
		if n != removed {
			t.Errorf("prune(%+v): %d went, want %d", l, n, removed)
		}
		check(left)
	}
	prune(QueryLimits{Days: 90, Rows: 1_000_000}, 0, 30_000)
	prune(QueryLimits{Days: 6, Rows: 1_000_000}, 9000, 21_000) // days 0, 1 and 2, and nothing of day 3, which is 6 days old to the second
	now = now.Add(1500*time.Second + time.Microsecond)
	prune(QueryLimits{Days: 6, Rows: 1_000_000}, 1501, 19_499)
	prune(QueryLimits{Days: 6, Rows: 10_500}, 8999, 10_500)
	if got := names(t, db, QueryFilter{Name: "day6.example", Limit: 10_000}); strings.Count(got, " ")+1 != 1500 || strings.Contains(got, "n1499.day6.") || !strings.Contains(got, "n1500.day6.") {
		t.Error("not the oldest half of the day went")
	}
	var pages int64
	must(t, db.queries.file.readRow(`PRAGMA freelist_count`).Scan(&pages))
	if pages != 0 {
		t.Errorf("%d empty pages are kept from the disk", pages)
	}
	prune(QueryLimits{Days: 6, Rows: 0}, 10_500, 0)
	must(t, db.LogQueries([]Query{{Time: start, Name: "again.example"}}))
	if got := names(t, db, QueryFilter{}); got != "again.example" {
		t.Errorf("after pruning a day it holds %q", got)
	}
}

// What a hostile device asks for cannot harm the log.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	must(t, db.LogQueries([]Query{
		{Time: c.Now(), Name: "\x00\x1b[31m\u202e.example\xff"},
		{Time: c.Now(), Name: strings.Repeat("a.", 5000)},
		{Time: c.Now(), Name: ""},
		{Name: "no-time.example"},
	}))
	found, err := db.Queries(QueryFilter{})
	must(t, err)
	if len(found) != 4 {
		t.Errorf("%d lines", len(found))
	}
	for _, q := range found {
		if len(q.Name) > 255 || strings.ContainsAny(q.Name, "\x00\x1b\u202e") {
			t.Errorf("stored %q", q.Name)
		}
	}
	if _, err := db.PruneQueries(c.Now(), QueryLimits{Days: 90, Rows: 1000}); err != nil {
		t.Error(err)
	}
	if found, err := db.Queries(QueryFilter{}); err != nil || len(found) != 3 {
		t.Errorf("%d lines after pruning the one from the year 1: %v", len(found), err)
	}
}

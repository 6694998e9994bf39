package admin_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"stairgate/appliance/records"
	"stairgate/config/identity"
)

// signedIn is a box after a week, and a technician at it.
func signedIn(t *testing.T) (*box, *browser) {
	b := nursery(t)
	w := b.browser()
	w.logIn(technician, password)
	return b, w
}

// lines are the log's lines in the audit.
func (b *box) lines() (out []string) {
	b.t.Helper()
	events, err := b.records.Events(0, 200)
	b.must(err)
	for _, e := range events {
		if strings.Contains(e.Verb, "query log") || strings.Contains(e.Object, "query-log") || e.Object == "metrics" {
			out = append(out, e.Actor+" "+e.Verb+" "+e.Object+" | "+e.Detail)
		}
	}
	return out
}

func TestLookUpsAreRecordedFirst(t *testing.T) {
	b, w := signedIn(t)
	// Opening the page shows nobody's rows.
	if a := w.get("/queries"); strings.Contains(a.Text(), "bbc.co.uk\n") || strings.Contains(a.Text(), "www.bet365.com") {
		t.Errorf("rows without a look-up:\n%s", a.Text())
	}
	if got := b.lines(); len(got) != 0 {
		t.Errorf("an opened page is in the audit: %q", got)
	}
	for _, about := range [][]string{{"person", "Priya Shah"}, {"device", laptop.String()}} {
		a := w.lookUp(about...)
		if a.Status != http.StatusUnprocessableEntity || strings.Contains(a.Text(), "bet365") {
			t.Errorf("%v without a reason gave %d:\n%s", about, a.Status, a.Text())
		}
		a.says(t, "Error: Enter why you look up this person or device: it is kept on file.")
	}
	if got := b.lines(); len(got) != 0 {
		t.Errorf("a refused look-up is in the audit: %q", got)
	}
	w.lookUp("person", "Priya Shah", "from-day", "20", "from-month", "11", "from-year", "2026", "category", "gambling", "reason", "A complaint").
		says(t, "1 row", "For person Priya Shah, from 20 Nov 2026, category Gambling.", "www.bet365.com", "rule group/technician, list built in")
	w.lookUp().says(t, "4 rows", "For everything.")
	want := []string{
		"p.shah looked up the query log query-log | everything",
		"p.shah looked up the query log person:Priya Shah | person Priya Shah, from 20 Nov 2026, category Gambling: A complaint",
	}
	if got := b.lines(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("in the audit: %q", got)
	}
}

// The address of a page of rows is good for that search and that session only.
func TestAPassFitsOneSearchOfOneSession(t *testing.T) {
	b, w := signedIn(t)
	a := w.lookUp("person", "Priya Shah", "reason", "A complaint")
	mine := a.URL.RequestURI()
	if a = w.get(mine); !strings.Contains(a.Text(), "bet365") {
		t.Errorf("the same address again:\n%s", a.Text())
	}
	n := len(b.lines())
	for what, uri := range map[string]string{
		"another person":  strings.Replace(mine, "Priya+Shah", "Zo%C3%AB+O%E2%80%99Connor", 1),
		"no person":       strings.Replace(mine, "person=Priya+Shah", "x=", 1),
		"without a pass":  "/queries?person=Priya+Shah",
		"a pass of dross": "/queries?person=Priya+Shah&pass=AAAA",
		"with more":       mine + "&action=block",
	} {
		a := w.get(uri)
		if strings.Contains(a.Text(), "www.bet365.com") {
			t.Errorf("%s shows rows:\n%s", what, a.Text())
		}
		a.says(t, "Press Show to search: it is recorded first.")
	}
	another := b.browser()
	another.logIn(technician, password)
	if a := another.get(mine); strings.Contains(a.Text(), "www.bet365.com") {
		t.Errorf("another session shows rows:\n%s", a.Text())
	}
	if got := len(b.lines()); got != n {
		t.Errorf("%d lines in the audit, want %d", got, n)
	}
}

func TestPagesOfTheLog(t *testing.T) {
	b, w := signedIn(t)
	var rows []records.Query
	for i := range 450 {
		// Three rows of each time: a page ends between two of them.
		rows = append(rows, records.Query{Time: b.now().Add(time.Duration(i/3) * time.Second), MAC: tablet, Addr: b.addrs[tablet], Name: fmt.Sprintf("row%03d.example", i), Type: "A", Action: "allow"})
	}
	b.must(b.records.LogQueries(rows))
	seen := func(a answer) (first, last string, n int) {
		for line := range strings.Lines(a.Text()) {
			if name, ok := strings.CutPrefix(line, "| row"); ok {
				name = name[:3]
				if n == 0 {
					first = name
				}
				last = name
				n++
			}
		}
		return first, last, n
	}
	follow := func(words string) answer {
		t.Helper()
		m := regexp.MustCompile(`href="([^"]*)" rel="[a-z]*">` + words).FindStringSubmatch(w.last.Body)
		if m == nil {
			t.Fatalf("there is no link %q:\n%s", words, w.last.Text())
		}
		return w.get(html.UnescapeString(m[1]))
	}
	check := func(a answer, first, last string, n int, newer, older bool) {
		t.Helper()
		f, l, k := seen(a)
		if f != first || l != last || k != n {
			t.Errorf("a page from row%s to row%s of %d rows, want row%s to row%s of %d", f, l, k, first, last, n)
		}
		if strings.Contains(a.Body, ">Newer rows<") != newer || strings.Contains(a.Body, ">Older rows<") != older {
			t.Errorf("links newer %t, older %t expected:\n%s", newer, older, a.Text())
		}
	}
	a := w.lookUp("name", "example")
	a.says(t, "450 rows")
	check(a, "449", "250", 200, false, true)
	check(follow("Older rows"), "249", "050", 200, true, true)
	check(follow("Older rows"), "049", "000", 50, true, false)
	check(follow("Newer rows"), "249", "050", 200, true, true)
	check(follow("Newer rows"), "449", "250", 200, false, true)
	if got := len(b.lines()); got != 1 {
		t.Errorf("paging left %d lines in the audit", got)
	}
}

func TestDatesAreTheSchools(t *testing.T) {
	b, w := signedIn(t)
	// British summer time: midnight in London is 23:00 UTC of the day before.
	midnight := time.Date(2026, 6, 9, 23, 0, 0, 0, time.UTC)
	for i, d := range []time.Duration{-time.Microsecond, 0, 24*time.Hour - time.Microsecond, 24 * time.Hour} {
		b.must(b.records.LogQueries([]records.Query{{Time: midnight.Add(d), Addr: b.addrs[tablet], Name: fmt.Sprintf("row%d.example", i), Action: "allow"}}))
	}
	a := w.lookUp("from-day", "10", "from-month", "June", "from-year", "2026", "to-day", "10", "to-month", "6", "to-year", "2026")
	a.says(t, "2 rows", "row1.example", "row2.example")
	w.lookUp("from-day", "10", "from-month", "6", "from-year", "2026", "to-day", "9", "to-month", "6", "to-year", "2026").
		says(t, "Error: The last day must not be before the first.")
	w.lookUp("name", "row", "match", "part").says(t, "Error: To search for a part of a name, choose at most 31 days.")
	w.lookUp("name", "ow1.EX", "match", "part", "from-day", "1", "from-month", "6", "from-year", "2026", "to-day", "30", "to-month", "6", "to-year", "2026").
		says(t, "1 row", "row1.example")
	w.lookUp("name", "example", "match", "exact").says(t, "0 rows")
	w.lookUp("name", "row1.example", "match", "exact").says(t, "1 row")
}

// Somebody asks for a copy of what is kept about them.
func TestExportOfAPerson(t *testing.T) {
	b, w := signedIn(t)
	var rows []records.Query
	for i := range 12_000 {
		rows = append(rows, records.Query{Time: b.now().Add(time.Duration(i/7) * time.Second), MAC: tablet, Addr: b.addrs[tablet], Person: "Zoë O’Connor", Device: "=SUM(A1)", Name: fmt.Sprintf("n%d.example", i), Action: "allow"})
	}
	b.must(b.records.LogQueries(rows))
	w.get("/queries/export?person=Zo%C3%AB+O%27Connor").says(t, "A table of 12,000 rows")
	a := w.post("/queries/export", "person", "Zoë O'Connor")
	if a.Status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", a.Status)
	}
	a = w.post("/queries/export", "person", "Zoë O'Connor", "reason", "Asked for by her")
	if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/csv") {
		t.Fatalf("%s:\n%s", got, a.Text())
	}
	table, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.Body, "\ufeff"))).ReadAll()
	b.must(err)
	if len(table) != 12_001 || table[1][5] != "n0.example" || table[12_000][5] != "n11999.example" || table[1][1] != "'=SUM(A1)" || table[1][4] != "Zoë O’Connor" {
		t.Errorf("%d rows, the first %q", len(table), table[1])
	}
	if strings.Contains(a.Body, "Priya") {
		t.Error("somebody else's rows are in it")
	}
	if got := b.lines(); got[0] != "p.shah downloaded the query log of person:Zoë O'Connor | Asked for by her" {
		t.Errorf("in the audit: %q", got)
	}
	if a := w.get("/queries/export"); a.Status != http.StatusNotFound {
		t.Errorf("for nobody: %d", a.Status)
	}
}

func TestErasingAPerson(t *testing.T) {
	b, w := signedIn(t)
	b.must(b.records.LogQueries([]records.Query{{Time: b.now(), MAC: phone, Addr: b.addrs[phone], Person: "Zoë O’Connor", Name: "hers.example", Action: "allow"}}))
	who := url.Values{"person": {"Priya Shah"}}.Encode()
	_, err := b.records.GoOn(identity.Unblock{Name: "shop.example", Device: phone, Author: "Priya Shah", Reason: "Paint for the art table"}, identity.Shopping, 30*time.Minute)
	b.must(err)
	w.get("/audit").says(t, "Priya Shah", "a site in the category shopping for 30m0s, opening 1", "shop.example: Paint for the art table", "The chain is whole")
	w.get("/queries/erase?"+who).says(t, "Erase the rows of Priya Shah?", "4 rows of the query log go for good", "The sites gone on to from a warning go as well")
	if a := w.post("/queries/erase", "person", "Priya Shah", "reason", " "); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", a.Status)
	}
	w.post("/queries/erase", "person", "Priya Shah", "reason", "Asked for by her").says(t, "Erased: 4 rows.")
	w.lookUp("person", "Priya Shah", "reason", "to see").says(t, "0 rows")
	w.lookUp().says(t, "1 row", "hers.example")
	if got := b.lines(); got[2] != "p.shah erased the query log of person:Priya Shah | 4 rows, and 1 × where they went on to from a warning, and why: Asked for by her" {
		t.Errorf("in the audit: %q", got)
	}
	for _, page := range []string{"/audit", "/open"} {
		a := w.get(page)
		a.says(t, "Priya Shah", "(erased)", "The site and the reason were erased with the query log.")
		if strings.Contains(a.Body, "Paint") || strings.Contains(a.Body, "shop.example") {
			t.Errorf("%s still has her words", page)
		}
	}
	if live, err := b.records.LiveUnblocks(b.now()); err != nil || len(live) != 0 {
		t.Errorf("what was erased runs on: %+v, %v", live, err)
	}
	b.must(b.records.Verify())
}

func TestHowLongTheLogIsKept(t *testing.T) {
	b, w := signedIn(t)
	old := b.now().AddDate(0, 0, -20)
	b.must(b.records.LogQueries([]records.Query{{Time: old, Name: "old.example"}, {Time: b.now().Add(-14 * 24 * time.Hour), Name: "fortnight.example"}}))
	w.get("/queries").says(t, "It holds 6 rows. The oldest is of 3 November 2026, 09:33.", "Rows are kept for 90 days.")
	w.get("/queries/keep")
	w.post("/queries/keep", "days", "3", "reason", "x").says(t, "Error: The query log is kept for 7 to 400 days.")
	w.post("/queries/keep", "days", "14").says(t, "Error: Enter why it is changed.")
	w.post("/queries/keep", "days", "14", "reason", "Decided by the governors").
		says(t, "what is older is gone", "It holds 5 rows. The oldest is of 9 November 2026, 09:33.", "Rows are kept for 14 days.")
	if got := b.lines(); got[0] != "p.shah changed how long is kept query-log | 14 days, before 90: Decided by the governors" {
		t.Errorf("in the audit: %q", got)
	}
	// The page says so when the log is not what it should be.
	b.wait(30 * time.Hour)
	w = b.browser()
	w.logIn(technician, password)
	w.get("/queries").says(t, "The oldest is of 9 November 2026, 09:33, which is older than it should be.")
}

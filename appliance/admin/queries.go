package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stairgate/appliance/records"
	"stairgate/config/identity"
)

type queriesPage struct {
	Devices    []device
	Actions    []choice
	Categories []choice
	Matches    []choice

	Log  records.QueryLogInfo
	Size string // how many rows it holds
	Days int
	Late bool // the oldest row is older than it should be

	Asked  bool   // a search was typed
	Open   bool   // and its rows may be shown
	Words  string // what was searched for
	Count  string
	Rows   []queryRow
	Older  string // address of the next page; "" when there is none
	Newer  string
	Export string // addresses for the person or device that was searched for
	Erase  string
}

type queryRow struct {
	records.Query
	Verdict string
	Class   string // of the tag
	Why     string
	Ask     string // address of the page that explains it; "" where nothing is to explain
	Rule    string // which rule and list decided, for a technician
}

// countMost is how far the page counts.
const countMost = 100_000

// actions are what can come of a query, in a person's words.
var actions = []choice{
	{"allow", "Allowed"},
	{"block", "Blocked"},
	{"warn", "Warning"},
	{"rewrite", "Safe mode"},
	{"local", "Local name"},
	{"refuse", "Refused"},
	{"error", "No answer"},
}

var matches = []choice{
	{matchBelow, "This site and all below it"},
	{matchExact, "Exactly this name"},
	{matchPart, "Names with this in them"},
}

func verdictOf(action string) string {
	for _, a := range actions {
		if a.Value == action {
			return a.Text
		}
	}
	return action
}

// categoryName is a category in words; one that only a list knows is shown as it is.
func categoryName(id string) string {
	if info, ok := identity.Category(id).Info(); ok {
		return info.Name
	}
	return id
}

func rowOf(q records.Query, loc *time.Location) queryRow {
	row := queryRow{Query: q, Verdict: verdictOf(q.Action), Class: "govuk-tag--grey", Why: categoryName(q.Category)}
	switch q.Action {
	case "block":
		row.Class = "govuk-tag--red"
	case "warn":
		row.Class = "govuk-tag--yellow"
	case "refuse", "error":
		row.Class = "govuk-tag--orange"
	}
	if q.Action != "allow" && q.Action != "local" {
		var by []string
		if q.Rule != "" {
			by = append(by, "rule "+q.Rule)
		}
		if q.List != "" {
			by = append(by, "list "+q.List)
		}
		row.Rule = strings.Join(by, ", ")
	}
	if !q.MAC.IsZero() && slices.Contains([]string{"block", "warn", "rewrite"}, q.Action) {
		row.Ask = "/why?" + url.Values{
			"name": {q.Name}, "whom": {"device " + q.MAC.String()}, "at": {q.Time.In(loc).Format(whenTyped)},
		}.Encode()
	}
	return row
}

// showQueries shows the form; and the rows, when this search is on record.
func (s *Server) showQueries(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.queriesPage(w, r, http.StatusOK, s.readLookup(q), q.Get("pass"))
}

// askQueries records a search and leads to its rows.
func (s *Server) askQueries(w http.ResponseWriter, r *http.Request) {
	l := s.readLookup(r.PostForm)
	reason := readForm(r).text("reason")
	if l.personal() && reason == "" {
		l.form.fail("reason", "Enter why you look up this person or device: it is kept on file.")
	}
	if len(reason) > 1000 {
		l.form.fail("reason", "Enter the reason in at most 1,000 letters.")
	}
	if !l.form.ok() {
		l.form.values.Set("reason", reason)
		s.queriesPage(w, r, http.StatusUnprocessableEntity, l, "")
		return
	}
	detail := l.words
	if reason != "" {
		detail += ": " + reason
	}
	// No record, no look-up.
	if err := s.o.Records.Audit(actor(r), "looked up the query log", l.object(), detail); err != nil {
		s.fail(w, r, "recording a look-up", err)
		return
	}
	http.Redirect(w, r, l.address(visitOf(r)), http.StatusSeeOther)
}

func (s *Server) queriesPage(w http.ResponseWriter, r *http.Request, status int, l lookup, pass string) {
	devices, err := s.devices()
	if err != nil {
		s.fail(w, r, "reading the devices", err)
		return
	}
	body := queriesPage{Devices: devices, Actions: actions, Matches: matches, Asked: len(l.form.values) > 0 || pass != "", Words: l.words}
	for _, c := range identity.Categories() {
		body.Categories = append(body.Categories, choice{string(c.ID), c.Name})
	}
	s.o.Flush()
	s.measure(&body, l.form)
	if l.form.ok() && pass != "" && l.allowed(visitOf(r), pass) {
		body.Open = true
		s.find(r, l, &body)
	}
	p := s.page(r, "queries", "Query log")
	switch r.URL.Query().Get("done") {
	case "erased":
		p.Done = "Erased: " + plural(atoi(r.URL.Query().Get("rows")), "row") + "."
	case "kept":
		p.Done = "How long the log is kept is changed; what is older is gone."
	}
	p.Form = l.form
	p.Body = body
	s.render(w, status, "queries", p)
}

// measure says how much there is and how far back it goes.
func (s *Server) measure(body *queriesPage, f *form) {
	limits, err := s.o.Records.QueryLimits()
	if err == nil {
		body.Days = limits.Days
		body.Log, err = s.o.Records.QueryLog()
		body.Size = plural(int(body.Log.Rows), "row")
	}
	if err != nil {
		s.log.Error("measuring the query log", "err", err)
		f.fail("", "The query log cannot be read at the moment. Nothing else is affected.")
		return
	}
	// It is pruned every hour.
	body.Late = !body.Log.Oldest.IsZero() && s.now().Sub(body.Log.Oldest) > time.Duration(limits.Days)*24*time.Hour+2*time.Hour
}

// find reads a page of rows.
func (s *Server) find(r *http.Request, l lookup, body *queriesPage) {
	q := r.URL.Query()
	f := l.filter
	n, err := s.o.Records.CountQueries(f, countMost)
	var found records.QueryPage
	if err == nil {
		f.Before, f.After = records.ParsePosition(q.Get("before")), records.ParsePosition(q.Get("after"))
		found, err = s.o.Records.SearchQueries(f)
	}
	if err != nil {
		s.log.Error("reading the query log", "err", err)
		l.form.fail("", "The query log cannot be read at the moment. Nothing else is affected.")
		return
	}
	body.Count = plural(n, "row")
	if n >= countMost {
		body.Count = "more than 100,000 rows"
	}
	for _, row := range found.Rows {
		body.Rows = append(body.Rows, rowOf(row, s.location()))
	}
	v := visitOf(r)
	if !found.Older.IsZero() {
		body.Older = l.address(v, "before", found.Older.String())
	}
	if !found.Newer.IsZero() {
		body.Newer = l.address(v, "after", found.Newer.String())
	}
	if l.personal() {
		who := subjectQuery(l.subject())
		body.Export, body.Erase = "/queries/export?"+who, "/queries/erase?"+who
	}
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // nought for anything else
	return n
}

package admin

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"stairgate/appliance/records"
	"stairgate/config/identity"
)

type queriesPage struct {
	Devices []device
	Actions []choice
	Rows    []queryRow
	Older   string // address of the next page; "" when there is none
	Asked   bool   // whether the rows were filtered
}

type choice struct{ Value, Text string }

type queryRow struct {
	records.Query
	Verdict string
	Class   string // of the tag
	Why     string
}

// actions are what can come of a query, in a person's words.
var actions = []choice{
	{"allow", "Allowed"},
	{"block", "Blocked"},
	{"local", "Local name"},
	{"refuse", "Refused"},
	{"error", "No answer"},
}

func rowOf(q records.Query) queryRow {
	row := queryRow{Query: q, Verdict: q.Action, Class: "govuk-tag--grey"}
	for _, a := range actions {
		if a.Value == q.Action {
			row.Verdict = a.Text
		}
	}
	switch q.Action {
	case "block":
		row.Class = "govuk-tag--red"
	case "refuse", "error":
		row.Class = "govuk-tag--orange"
	}
	row.Why = q.Category
	if info, ok := identity.Category(q.Category).Info(); ok {
		row.Why = info.Name
	}
	return row
}

func (s *Server) showQueries(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := filled("device", q.Get("device"), "person", q.Get("person"), "name", q.Get("name"), "action", q.Get("action"))
	filter := records.QueryFilter{
		Person: f.text("person"),
		Name:   strings.ToLower(strings.Trim(f.text("name"), ".")),
		Action: f.Value("action"),
		Limit:  pageRows,
	}
	if mac := f.Value("device"); mac != "" {
		m, err := identity.ParseMAC(mac)
		if err != nil {
			f.fail("device", "Choose a device from the list.")
		}
		filter.MAC = m
	}
	if us, err := strconv.ParseInt(q.Get("before"), 10, 64); err == nil {
		filter.Until = time.UnixMicro(us)
	}
	devices, err := s.devices()
	if err != nil {
		s.fail(w, r, "reading the devices", err)
		return
	}
	body := queriesPage{Devices: devices, Actions: actions, Asked: filter.Person+filter.Name+filter.Action != "" || !filter.MAC.IsZero()}
	if f.ok() {
		rows, err := s.o.Records.Queries(filter)
		if err != nil {
			s.log.Error("reading the query log", "err", err)
			f.fail("", "The query log cannot be read at the moment. Nothing else is affected.")
		}
		for _, row := range rows {
			body.Rows = append(body.Rows, rowOf(row))
		}
		if len(rows) == pageRows {
			q.Set("before", strconv.FormatInt(rows[len(rows)-1].Time.UnixMicro(), 10))
			body.Older = "/queries?" + q.Encode()
		}
	}
	p := s.page(r, "queries", "Query log")
	p.Form = f
	p.Body = body
	s.render(w, http.StatusOK, "queries", p)
}

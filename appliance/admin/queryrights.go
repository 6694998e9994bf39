package admin

import (
	"encoding/csv"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stairgate/appliance/records"
	"stairgate/config/identity"
)

// What people may ask of what is kept about them: a copy of it (a subject access
// request) and that it be erased. Each is done with a reason, and is in the audit
// before it begins.

type rightsPage struct {
	Subject records.Subject
	Who     string // in words
	Count   string
}

// subjectQuery is a subject as it stands in an address.
func subjectQuery(s records.Subject) string {
	if s.Person != "" {
		return url.Values{"person": {s.Person}}.Encode()
	}
	return url.Values{"device": {s.MAC.String()}}.Encode()
}

// subjectOf reads whom a page is about; false: it has answered.
func (s *Server) subjectOf(w http.ResponseWriter, r *http.Request, v url.Values) (records.Subject, bool) {
	var sub records.Subject
	if name := strings.TrimSpace(v.Get("person")); name != "" && records.NameKey(name) != "" {
		sub.Person = name
	} else if mac, err := identity.ParseMAC(v.Get("device")); err == nil {
		sub.MAC = mac
	} else {
		s.sorry(w, r, http.StatusNotFound, "Whose rows are meant?", "Look the person or the device up in the query log first, then choose what to do with what is found.")
		return sub, false
	}
	return sub, true
}

// whoIs is a subject in words.
func (s *Server) whoIs(sub records.Subject) string {
	if sub.Person != "" {
		return sub.Person
	}
	if d, ok, err := s.o.Records.Device(sub.MAC); err == nil && ok && d.Name != "" {
		return d.Name
	}
	return sub.MAC.String()
}

func (s *Server) rightsPage(w http.ResponseWriter, r *http.Request, status int, name, title string, sub records.Subject, f *form) {
	s.o.Flush()
	n, err := s.o.Records.CountQueries(sub.Filter(), countMost)
	if err != nil {
		s.fail(w, r, "counting queries", err)
		return
	}
	body := rightsPage{Subject: sub, Who: s.whoIs(sub), Count: plural(n, "row")}
	if n >= countMost {
		body.Count = "more than 100,000 rows"
	}
	p := s.page(r, "queries", title+body.Who)
	p.Back = &link{"/queries", "Query log"}
	p.Form = f
	p.Body = body
	s.render(w, status, name, p)
}

func (s *Server) askExport(w http.ResponseWriter, r *http.Request) {
	if sub, ok := s.subjectOf(w, r, r.URL.Query()); ok {
		s.rightsPage(w, r, http.StatusOK, "exportqueries", "Download the rows of ", sub, &form{})
	}
}

func (s *Server) askErase(w http.ResponseWriter, r *http.Request) {
	if sub, ok := s.subjectOf(w, r, r.URL.Query()); ok {
		s.rightsPage(w, r, http.StatusOK, "erasequeries", "Erase the rows of ", sub, &form{})
	}
}

// exportQueries streams everything that is kept about a person, oldest first.
func (s *Server) exportQueries(w http.ResponseWriter, r *http.Request) {
	sub, ok := s.subjectOf(w, r, r.PostForm)
	if !ok {
		return
	}
	f := readForm(r)
	reason := f.require("reason", "Enter why the rows are downloaded.")
	if !f.ok() {
		s.rightsPage(w, r, http.StatusUnprocessableEntity, "exportqueries", "Download the rows of ", sub, f)
		return
	}
	if err := s.o.Records.Audit(actor(r), "downloaded the query log of", sub.String(), reason); err != nil {
		s.fail(w, r, "recording a download", err)
		return
	}
	s.o.Flush()
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="queries-`+s.today().Format(time.DateOnly)+`.csv"`)
	_, _ = w.Write([]byte("\ufeff")) // without it Excel reads names with accents wrongly
	c := csv.NewWriter(w)
	c.UseCRLF = true
	_ = c.Write([]string{"Time", "Device", "Hardware address", "Address", "Person", "Name", "Type", "What came of it", "Category", "Rule", "List"})
	n, loc, wire := 0, s.location(), http.NewResponseController(w)
	err := s.o.Records.EachQuery(sub.Filter(), func(q records.Query) error {
		if n++; n%1000 == 1 {
			// A year of somebody takes longer than a page may.
			_ = wire.SetWriteDeadline(time.Now().Add(time.Minute)) // the server's own stands then
		}
		return c.Write([]string{
			q.Time.In(loc).Format(time.RFC3339), plainCell(q.Device), q.MAC.String(), addrText(q.Addr), plainCell(q.Person),
			plainCell(q.Name), plainCell(q.Type), verdictOf(q.Action), plainCell(categoryName(q.Category)), plainCell(q.Rule), plainCell(q.List),
		})
	})
	c.Flush()
	if err = errors.Join(err, c.Error()); err != nil {
		s.log.Error("downloading queries", "err", err)
		panic(http.ErrAbortHandler) // so that the browser sees that it is not whole
	}
}

func (s *Server) eraseQueries(w http.ResponseWriter, r *http.Request) {
	sub, ok := s.subjectOf(w, r, r.PostForm)
	if !ok {
		return
	}
	f := readForm(r)
	reason := f.require("reason", "Enter why the rows are erased.")
	if f.ok() {
		s.o.Flush()
		n, err := s.o.Records.EraseQueries(actor(r), sub, reason)
		if err == nil {
			s.o.Kick() // what was erased runs no longer
			http.Redirect(w, r, "/queries?done=erased&rows="+strconv.FormatInt(n, 10), http.StatusSeeOther)
			return
		}
		s.refuse(f, err)
	}
	s.rightsPage(w, r, http.StatusUnprocessableEntity, "erasequeries", "Erase the rows of ", sub, f)
}

type keepPage struct {
	Min, Max, Default int
	Log               records.QueryLogInfo
}

func (s *Server) askKeep(w http.ResponseWriter, r *http.Request) {
	l, err := s.o.Records.QueryLimits()
	if err != nil {
		s.fail(w, r, "reading how long the query log is kept", err)
		return
	}
	s.keepPage(w, r, http.StatusOK, filled("days", strconv.Itoa(l.Days)))
}

func (s *Server) keepPage(w http.ResponseWriter, r *http.Request, status int, f *form) {
	log, err := s.o.Records.QueryLog()
	if err != nil {
		s.fail(w, r, "measuring the query log", err)
		return
	}
	p := s.page(r, "queries", "How long the query log is kept")
	p.Back = &link{"/queries", "Query log"}
	p.Form = f
	p.Body = keepPage{records.MinQueryDays, records.MaxQueryDays, records.DefaultQueryDays, log}
	s.render(w, status, "keepqueries", p)
}

func (s *Server) keepQueries(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	days, err := strconv.Atoi(f.text("days"))
	if err != nil {
		f.fail("days", "Enter a number of days, such as 90.")
	}
	reason := f.require("reason", "Enter why it is changed.")
	if f.ok() {
		if err := s.o.Records.KeepQueries(actor(r), days, reason); err != nil {
			s.refuse(f, err)
		} else if err := s.o.Prune(); err != nil {
			s.log.Error("pruning the query log", "err", err)
			f.fail("", "It is stored, but what is older could not be deleted yet. The box tries again every hour.")
		}
	}
	if !f.ok() {
		s.keepPage(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	http.Redirect(w, r, "/queries?done=kept", http.StatusSeeOther)
}

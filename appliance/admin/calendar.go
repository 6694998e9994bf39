package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"stairgate/config/identity"
)

func (s *Server) showCalendar(w http.ResponseWriter, r *http.Request) {
	cfg, etag := s.o.Config.Current()
	c := cfg.Filter.Calendar
	var inset []string
	for _, d := range c.Inset {
		inset = append(inset, d.String())
	}
	s.calendarPage(w, r, http.StatusOK, filled("etag", etag,
		"terms", periodLines(c.Terms), "holidays", periodLines(c.Holidays), "inset", strings.Join(inset, "\n")))
}

func (s *Server) calendarPage(w http.ResponseWriter, r *http.Request, status int, f *form) {
	p := s.page(r, "timetables", "The school’s calendar")
	p.Back = &link{"/timetables", "Timetables"}
	p.Form = f
	s.render(w, status, "calendar", p)
}

// periodLines are periods as a person types them.
func periodLines(periods []identity.Period) string {
	lines := make([]string, len(periods))
	for i, p := range periods {
		lines[i] = p.From.String() + " to " + p.To.String() + " " + p.Name
		if p.From == p.To {
			lines[i] = p.From.String() + " " + p.Name
		}
	}
	return strings.Join(lines, "\n")
}

func (s *Server) saveCalendar(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	cfg, text, _ := s.candidate()
	old := cfg.Filter.Calendar
	cfg.Filter.Calendar = identity.Calendar{
		Terms:    readPeriods(f, "terms", "2026-09-02 to 2026-12-18 Autumn term"),
		Holidays: readPeriods(f, "holidays", "2026-10-26 to 2026-10-30 Half-term"),
	}
	for n, line := range textLines(f.Value("inset")) {
		d, err := identity.ParseDate(line)
		if err != nil {
			f.fail("inset", fmt.Sprintf("Line %d, “%s”, is no day. Write year, month and day such as “2026-09-01”.", n+1, line))
			break
		}
		cfg.Filter.Calendar.Inset = append(cfg.Filter.Calendar.Inset, d)
	}
	if !f.ok() || !checkAt(f, cfg, "filter.calendar") {
		s.calendarPage(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	at := []any{"filter", "calendar"}
	var edits []settingsEdit
	if !slices.Equal(old.Terms, cfg.Filter.Calendar.Terms) {
		edits = append(edits, setKey(at, "terms", emptyNotNull(cfg.Filter.Calendar.Terms)))
	}
	if !slices.Equal(old.Holidays, cfg.Filter.Calendar.Holidays) {
		edits = append(edits, setKey(at, "holidays", emptyNotNull(cfg.Filter.Calendar.Holidays)))
	}
	if !slices.Equal(old.Inset, cfg.Filter.Calendar.Inset) {
		edits = append(edits, setKey(at, "inset", emptyNotNull(cfg.Filter.Calendar.Inset)))
	}
	s.propose(w, r, filled("config", string(rewriteSettings(text, cfg, edits...)), "etag", f.Value("etag")))
}

// readPeriods reads lines such as "2026-09-02 to 2026-12-18 Autumn term"; one
// day is "2026-05-04 Early May bank holiday".
func readPeriods(f *form, field, example string) []identity.Period {
	var out []identity.Period
	for n, line := range textLines(f.Value(field)) {
		first, rest, _ := strings.Cut(line, " ")
		from, err := identity.ParseDate(first)
		p := identity.Period{From: from, To: from, Name: rest}
		if after, ok := strings.CutPrefix(rest, "to "); ok && err == nil {
			last, name, _ := strings.Cut(after, " ")
			p.To, err = identity.ParseDate(last)
			p.Name = name
		}
		if err != nil || p.Name == "" {
			f.fail(field, fmt.Sprintf("Line %d, “%s”, cannot be read. Write its first day, its last day and its name, such as “%s”.", n+1, line, example))
			return nil
		}
		out = append(out, p)
	}
	return out
}

package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"stairgate/config"
	"stairgate/config/identity"
)

var timetablesAt = []any{"filter", "timetables"}

type timetablesPage struct {
	Timetables []timetableRow
	Calendar   identity.Calendar
	Today      string // what the calendar calls today
}

type timetableRow struct {
	identity.Timetable
	Words string
	Used  []string // by what
}

func (s *Server) showTimetables(w http.ResponseWriter, r *http.Request) {
	cfg, _ := s.o.Config.Current()
	body := timetablesPage{Calendar: cfg.Filter.Calendar, Today: dayKinds[cfg.Filter.Calendar.Kind(identity.DateOf(s.today()))]}
	for _, t := range cfg.Filter.Timetables {
		body.Timetables = append(body.Timetables, timetableRow{t, config.TimetableWords(t), usesOf(cfg, t.ID)})
	}
	p := s.page(r, "timetables", "Timetables")
	p.Body = body
	s.render(w, http.StatusOK, "timetables", p)
}

var dayKinds = map[identity.DayKind]string{
	identity.DayTerm: "term time", identity.DayHoliday: "holiday", identity.DayInset: "a training day",
}

// usesOf names what goes by a timetable.
func usesOf(cfg config.Config, id string) []string {
	var out []string
	for _, g := range cfg.Groups {
		if slices.ContainsFunc(g.Categories, func(r identity.CategoryRule) bool { return r.When == id }) {
			out = append(out, "the group "+g.Name)
		}
	}
	for _, r := range cfg.Filter.Rules {
		if r.When == id {
			out = append(out, "the rule “"+r.ID+"”")
		}
	}
	return out
}

type timetablePage struct {
	ID    string
	Kinds []choice
	Used  []string
}

func (s *Server) newTimetable(w http.ResponseWriter, r *http.Request) {
	_, etag := s.o.Config.Current()
	s.timetablePage(w, r, http.StatusOK, "", filled("etag", etag))
}

func (s *Server) showTimetable(w http.ResponseWriter, r *http.Request) {
	cfg, etag := s.o.Config.Current()
	i := timetableIndex(cfg, r.PathValue("id"))
	if i < 0 {
		s.noTimetable(w, r)
		return
	}
	t := cfg.Filter.Timetables[i]
	f := filled("etag", etag, "name", t.Name, "slots", slotLines(t.Slots))
	for _, k := range t.On {
		f.values.Add("on", string(k))
	}
	s.timetablePage(w, r, http.StatusOK, t.ID, f)
}

func timetableIndex(cfg config.Config, id string) int {
	return slices.IndexFunc(cfg.Filter.Timetables, func(t identity.Timetable) bool { return t.ID == id })
}

func (s *Server) noTimetable(w http.ResponseWriter, r *http.Request) {
	s.sorry(w, r, http.StatusNotFound, "There is no such timetable", "Somebody may have removed it. Choose one from the page Timetables.")
}

func (s *Server) timetablePage(w http.ResponseWriter, r *http.Request, status int, id string, f *form) {
	cfg, _ := s.o.Config.Current()
	title := "Change the timetable"
	if id == "" {
		title = "New timetable"
	}
	p := s.page(r, "timetables", title)
	p.Back = &link{"/timetables", "Timetables"}
	p.Form = f
	p.Body = timetablePage{id, []choice{{"term", "In term time"}, {"holiday", "In the holidays"}, {"inset", "On training days"}}, usesOf(cfg, id)}
	s.render(w, status, "timetable", p)
}

func (s *Server) saveTimetable(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	id := r.PathValue("id")
	cfg, text, _ := s.candidate()
	i := len(cfg.Filter.Timetables)
	if id != "" {
		if i = timetableIndex(cfg, id); i < 0 {
			s.noTimetable(w, r)
			return
		}
	}
	t := identity.Timetable{Name: f.require("name", "Enter a name for the timetable.")}
	for _, k := range []identity.DayKind{identity.DayTerm, identity.DayHoliday, identity.DayInset} {
		if f.Has("on", string(k)) {
			t.On = append(t.On, k)
		}
	}
	t.Slots = readSlots(f)
	if !f.ok() {
		s.timetablePage(w, r, http.StatusUnprocessableEntity, id, f)
		return
	}
	t.ID = firstOf(id, timetableID(t.Name, cfg))
	cfg.Filter.Timetables = slices.Clone(cfg.Filter.Timetables)
	if id == "" {
		cfg.Filter.Timetables = append(cfg.Filter.Timetables, t)
	} else {
		cfg.Filter.Timetables[i] = t
	}
	if !checkAt(f, cfg, index("filter.timetables", i)) {
		s.timetablePage(w, r, http.StatusUnprocessableEntity, id, f)
		return
	}
	s.propose(w, r, filled("config", string(rewriteSettings(text, cfg, setElement(timetablesAt, i, t))), "etag", f.Value("etag")))
}

func (s *Server) removeTimetable(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	cfg, text, _ := s.candidate()
	id := r.PathValue("id")
	i := timetableIndex(cfg, id)
	if i < 0 {
		s.noTimetable(w, r)
		return
	}
	if used := usesOf(cfg, id); len(used) > 0 {
		s.sorry(w, r, http.StatusConflict, "This timetable is in use", "It was not removed, because it is named by "+strings.Join(used, ", ")+". Change that first.")
		return
	}
	cfg.Filter.Timetables = slices.Delete(slices.Clone(cfg.Filter.Timetables), i, i+1)
	s.propose(w, r, filled("config", string(rewriteSettings(text, cfg, setElement(timetablesAt, i, nil))), "etag", f.Value("etag")))
}

// timetableID is a short name for a new timetable that no other has.
func timetableID(name string, cfg config.Config) string {
	base := shortName(name, "timetable")
	id := base
	for n := 2; timetableIndex(cfg, id) >= 0; n++ {
		id = fmt.Sprintf("%s-%d", base, n)
	}
	return id
}

// shortName makes an id of a name.
func shortName(name, alt string) string {
	id := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return ' '
	}, strings.ToLower(name))
	id = strings.Join(strings.Fields(id), "-")
	return firstOf(strings.Trim(id[:min(len(id), 30)], "-"), alt)
}

// slotLines are slots as a person types them: "mon-fri 12:00-13:00".
func slotLines(slots []identity.Slot) string {
	lines := make([]string, len(slots))
	for i, s := range slots {
		lines[i] = daysShort(s.Days) + " " + s.From + "-" + s.To
	}
	return strings.Join(lines, "\n")
}

// daysShort writes days as few letters as possible: "mon-fri", "mon,wed".
func daysShort(days []identity.Weekday) string {
	week := identity.Weekdays()
	var runs []string
	for i := 0; i < len(week); i++ {
		if !slices.Contains(days, week[i]) {
			continue
		}
		k := i
		for k+1 < len(week) && slices.Contains(days, week[k+1]) {
			k++
		}
		switch k - i {
		case 0:
			runs = append(runs, string(week[i]))
		case 1:
			runs = append(runs, string(week[i]), string(week[k]))
		default:
			runs = append(runs, string(week[i])+"-"+string(week[k]))
		}
		i = k
	}
	return strings.Join(runs, ",")
}

// readSlots reads the lines of the field slots.
func readSlots(f *form) []identity.Slot {
	var out []identity.Slot
	for n, line := range textLines(f.Value("slots")) {
		slot, ok := parseSlot(line)
		if !ok {
			f.fail("slots", fmt.Sprintf("Line %d, “%s”, is no slot. Write days and times such as “mon-fri 12:00-13:00” or “sat,sun 00:00-24:00”.", n+1, line))
			return nil
		}
		out = append(out, slot)
	}
	if len(out) == 0 {
		f.fail("slots", "Enter when the timetable holds, such as “mon-fri 12:00-13:00”.")
	}
	return out
}

// textLines are the lines that say something.
func textLines(s string) []string {
	var out []string
	for line := range strings.Lines(s) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func parseSlot(line string) (identity.Slot, bool) {
	line = strings.NewReplacer(" - ", "-", "–", "-", " to ", "-", ", ", ",").Replace(strings.ToLower(line))
	days, times, ok := strings.Cut(line, " ")
	from, to, ok2 := strings.Cut(strings.TrimSpace(times), "-")
	s := identity.Slot{From: fourDigits(from), To: fourDigits(to)}
	if !ok || !ok2 {
		return s, false
	}
	for part := range strings.SplitSeq(days, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, b := weekday(first), weekday(last)
		if a < 0 || b < 0 {
			return s, false
		}
		for i := a; ; i = (i + 1) % 7 { // "fri-mon" goes over the weekend
			if d := identity.Weekdays()[i]; !slices.Contains(s.Days, d) {
				s.Days = append(s.Days, d)
			}
			if i == b {
				break
			}
		}
	}
	slices.SortFunc(s.Days, func(a, b identity.Weekday) int { return weekday(string(a)) - weekday(string(b)) })
	return s, true
}

// weekday finds a day by its first three letters.
func weekday(s string) int {
	return slices.IndexFunc(identity.Weekdays(), func(d identity.Weekday) bool {
		return len(s) >= 3 && strings.HasPrefix(s, string(d))
	})
}

// fourDigits writes "9:00" as the settings have it.
func fourDigits(s string) string {
	if len(s) == 4 {
		return "0" + s
	}
	return s
}

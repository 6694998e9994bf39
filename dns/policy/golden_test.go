package policy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"stairgate/config/identity"
)

var update = flag.Bool("update", false, "write what came out into the golden files")

// One case per file: what the school decided, in lines of its own; questions of
// the form "client time name"; and what each comes to.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Files) != 3 || a.Files[0].Name != "rules" || a.Files[1].Name != "questions" || a.Files[2].Name != "verdicts" || len(a.Comment) == 0 {
				t.Fatal("want a comment and the sections rules, questions and verdicts")
			}
			s := readSchool(t, string(a.Files[0].Data))
			var got strings.Builder
			for line := range strings.Lines(string(a.Files[1].Data)) {
				line = strings.TrimSpace(line)
				fmt.Fprintf(&got, "%s: %s\n", line, short(s.ask(t, line)))
			}
			if *update {
				a.Files[2].Data = []byte(got.String())
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(a.Files[2].Data), got.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// short is a verdict in a line.
func short(v Verdict) string {
	words := []string{string(v.Action), v.Rule}
	if v.Category != "" {
		words = append(words, "("+string(v.Category)+")")
	}
	if v.Target != "" {
		words = append(words, "→ "+v.Target)
	}
	if v.Addr.IsValid() {
		words = append(words, "→ "+v.Addr.String())
	}
	return strings.Join(words, " ")
}

// school is what a rules section says.
type school struct {
	data    identity.Data
	clients map[string]identity.Client
	lists   map[string]identity.CategorySet // name and below
	vital   map[string]bool                 // essential, exactly
	rules   *Rules
}

// readSchool reads the lines of a rules section:
//
//	group staff safesearch youtube=moderate allow-only child platforms=a,b
//	  block gambling social        (of the group above; "when lunch" at the end)
//	timetable lunch term inset: mon-fri 12:00-13:00; sat 10:00-11:00
//	term|holiday 2026-09-02 2026-12-18
//	inset 2026-09-01
//	rule kahoot allow kahoot.it for group staff when lunch
//	rule chatty block [chat social] for person Amina Khan
//	open 7 vimeo.com for device 02:00:00:00:00:01 at 2026-03-03T10:00 20m
//	open 8 shop.example for device 02:00:00:00:00:01 at 2026-03-03T10:00 20m warned by Amina Khan
//	client laptop device 02:00:00:00:00:01 group staff zone school person Amina Khan
//	list gambling bet.example casino.example
//	essential update.example
func readSchool(t *testing.T, text string) *school {
	t.Helper()
	s := &school{clients: map[string]identity.Client{}, lists: map[string]identity.CategorySet{}, vital: map[string]bool{}}
	s.data.School.Contact = "Ms Ahmed"
	s.data.Policy.Clock = "Europe/London"
	s.data.Zones = []identity.Zone{{ID: "school", Name: "School network"}, {ID: "guest", Name: "Visitors"}}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "group":
			s.data.Groups = append(s.data.Groups, readGroup(words[1:]))
		case "block", "warn", "allow":
			g := &s.data.Groups[len(s.data.Groups)-1]
			r := identity.CategoryRule{Action: identity.Action(words[0])}
			words, r.When = cutWhen(words[1:])
			for _, w := range words {
				r.Of = append(r.Of, identity.Category(w))
			}
			g.Categories = append(g.Categories, r)
		case "timetable":
			s.data.Policy.Timetables = append(s.data.Policy.Timetables, readTimetable(t, line))
		case "term", "holiday":
			p := identity.Period{Name: words[0], From: day(t, words[1]), To: day(t, words[2])}
			if c := &s.data.Policy.Calendar; words[0] == "term" {
				c.Terms = append(c.Terms, p)
			} else {
				c.Holidays = append(c.Holidays, p)
			}
		case "inset":
			s.data.Policy.Calendar.Inset = append(s.data.Policy.Calendar.Inset, day(t, words[1]))
		case "rule":
			s.data.Policy.Rules = append(s.data.Policy.Rules, readRule(t, words[1:]))
		case "open":
			s.data.Policy.Unblocks = append(s.data.Policy.Unblocks, readUnblock(t, words[1:]))
		case "client":
			s.clients[words[1]] = readClient(t, words[2:])
		case "list":
			for _, name := range words[2:] {
				s.lists[name] |= identity.SetOf(identity.Category(words[1]))
			}
		case "essential":
			for _, name := range words[1:] {
				s.vital[name] = true
			}
		default:
			t.Fatalf("what is %q?", line)
		}
	}
	s.rules = Compile(&s.data)
	return s
}

func readGroup(words []string) identity.Group {
	g := identity.Group{ID: words[0], Name: strings.ToUpper(words[0][:1]) + words[0][1:]}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "safesearch":
			g.SafeSearch = true
		case "youtube":
			g.YouTube = identity.YouTube(value)
		case "allow-only":
			g.AllowOnly = true
		case "child":
			g.Child = true
		case "platforms":
			g.Platforms = strings.Split(value, ",")
		}
	}
	return g
}

func cutWhen(words []string) (rest []string, when string) {
	if n := len(words); n > 2 && words[n-2] == "when" {
		return words[:n-2], words[n-1]
	}
	return words, ""
}

func readTimetable(t *testing.T, line string) identity.Timetable {
	head, slots, _ := strings.Cut(line, ": ")
	words := strings.Fields(head)
	out := identity.Timetable{ID: words[1], Name: words[1]}
	for _, k := range words[2:] {
		out.On = append(out.On, identity.DayKind(k))
	}
	week := identity.Weekdays()
	for s := range strings.SplitSeq(slots, ";") {
		f := strings.Fields(s)
		first, last, ok := strings.Cut(f[0], "-")
		if !ok {
			last = first
		}
		a, b := slices.Index(week, identity.Weekday(first)), slices.Index(week, identity.Weekday(last))
		from, to, _ := strings.Cut(f[1], "-")
		if a < 0 || b < a {
			t.Fatalf("no days: %s", s)
		}
		out.Slots = append(out.Slots, identity.Slot{Days: week[a : b+1], From: from, To: to})
	}
	return out
}

func readRule(t *testing.T, words []string) identity.Rule {
	r := identity.Rule{ID: words[0], Action: identity.Action(words[1]), Reason: "because", Author: "Mr Kaya", Made: identity.Date{Year: 2026, Month: 1, Day: 5}, Review: identity.Date{Year: 2026, Month: 7, Day: 1}}
	words, r.When = cutWhen(words[2:])
	what := words
	if i := slices.Index(words, "for"); i >= 0 {
		what = words[:i]
		whom := strings.Join(words[i+2:], " ")
		switch words[i+1] {
		case "device":
			r.Device = mac(t, whom)
		case "person":
			r.Person = whom
		case "group":
			r.Group = whom
		case "zone":
			r.Zone = whom
		}
	}
	if all := strings.Join(what, " "); strings.HasPrefix(all, "[") {
		for c := range strings.FieldsSeq(strings.Trim(all, "[]")) {
			r.Categories = append(r.Categories, identity.Category(c))
		}
		return r
	}
	r.Names = what
	return r
}

func readUnblock(t *testing.T, words []string) identity.Unblock {
	u := identity.Unblock{Reason: "because", Author: "Mr Kaya"}
	if _, err := fmt.Sscan(words[0], &u.ID); err != nil {
		t.Fatal(err)
	}
	if c, ok := strings.CutPrefix(words[1], "["); ok {
		u.Category = identity.Category(strings.TrimSuffix(c, "]"))
	} else {
		u.Name = words[1]
	}
	i := slices.Index(words, "at")
	if words[3] == "device" {
		u.Device = mac(t, words[4])
	} else {
		u.Person = strings.Join(words[4:i], " ")
	}
	u.From = at(t, words[i+1])
	d, err := time.ParseDuration(words[i+2])
	if err != nil {
		t.Fatal(err)
	}
	u.Until = u.From.Add(d)
	if rest := words[i+3:]; len(rest) > 2 && rest[0] == "warned" {
		u.Warned, u.Author = true, strings.Join(rest[2:], " ")
	}
	return u
}

func readClient(t *testing.T, words []string) identity.Client {
	c := identity.Client{Class: identity.Admitted, Zone: "school"}
	for i := 0; i < len(words); i += 2 {
		switch words[i] {
		case "device":
			c.MAC = mac(t, words[i+1])
		case "group":
			c.Group = words[i+1]
		case "zone":
			c.Zone = words[i+1]
		case "class":
			c.Class = identity.Class(words[i+1])
		case "until":
			c.Until = at(t, words[i+1])
		case "person":
			c.Person = strings.Join(words[i+1:], " ")
			return c
		}
	}
	return c
}

// ask reads "client time name" and decides.
func (s *school) ask(t *testing.T, line string) Verdict {
	t.Helper()
	q := s.question(t, line)
	v := s.rules.Decide(q)
	if got := s.rules.Explain(q).Verdict; got != v {
		t.Errorf("%s: Explain says %+v, Decide %+v", line, got, v)
	}
	if (v.Sentence == "") != (v.Action == Allow || v.Action == Rewrite) {
		t.Errorf("%s: %s with the sentence %q", line, v.Action, v.Sentence)
	}
	return v
}

func (s *school) question(t *testing.T, line string) Question {
	t.Helper()
	words := strings.Fields(line)
	c, ok := s.clients[words[0]]
	if !ok || len(words) != 3 {
		t.Fatalf("no question: %s", line)
	}
	q := Question{Client: c, Name: words[2], Now: at(t, words[1]), Essential: s.vital[words[2]]}
	for rest, more := words[2], true; more; _, rest, more = strings.Cut(rest, ".") {
		q.Set |= s.lists[rest]
	}
	return q
}

// at reads a time on the school's clock, or with "Z" or an offset a moment.
func at(t *testing.T, s string) time.Time {
	t.Helper()
	if moment, err := time.Parse("2006-01-02T15:04Z07:00", s); err == nil {
		return moment
	}
	v, err := time.ParseInLocation("2006-01-02T15:04", s, london(t))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func london(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func day(t *testing.T, s string) identity.Date {
	t.Helper()
	d, err := identity.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mac(t *testing.T, s string) identity.MAC {
	t.Helper()
	m, err := identity.ParseMAC(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

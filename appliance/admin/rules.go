package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"stairgate/config"
	"stairgate/config/identity"
)

// rulesAt is where the school's own rules stand in the settings.
var rulesAt = []any{"filter", "rules"}

type rulesPage struct {
	Rules []ruleRow
	Due   int
}

type ruleRow struct {
	identity.Rule
	Words string
	Due   bool // for review
}

func (s *Server) showRules(w http.ResponseWriter, r *http.Request) {
	cfg, _ := s.o.Config.Current()
	var body rulesPage
	for _, rule := range cfg.Filter.Rules {
		row := ruleRow{rule, config.RuleWords(cfg, rule), s.due(rule)}
		if row.Due {
			body.Due++
		}
		body.Rules = append(body.Rules, row)
	}
	p := s.page(r, "rules", "Rules")
	p.Body = body
	s.render(w, http.StatusOK, "rules", p)
}

// due reports whether somebody should look at a rule again.
func (s *Server) due(r identity.Rule) bool {
	return r.Review.Before(identity.DateOf(s.today()))
}

type rulePage struct {
	ID         string // "" for a new one
	Groups     []identity.Group
	Zones      []config.Zone
	Devices    []device
	Timetables []identity.Timetable
	Categories []identity.CategoryInfo
	Actions    []choice
	Author     string
	DateHint   string
}

var ruleActions = []choice{{"allow", "Open it"}, {"warn", "Show a warning first"}, {"block", "Block it"}}

func (s *Server) newRule(w http.ResponseWriter, r *http.Request) {
	_, etag := s.o.Config.Current()
	q := r.URL.Query()
	f := filled("etag", etag, "action", "allow", "names", q.Get("name"), "whom", "everybody")
	// Half a year on, as schools look at things twice a year.
	f.setDate("review", s.today().AddDate(0, 6, 0))
	s.rulePage(w, r, http.StatusOK, "", f)
}

func (s *Server) showRule(w http.ResponseWriter, r *http.Request) {
	cfg, etag := s.o.Config.Current()
	i := ruleIndex(cfg, r.PathValue("id"))
	if i < 0 {
		s.noRule(w, r)
		return
	}
	rule := cfg.Filter.Rules[i]
	f := filled("etag", etag, "action", string(rule.Action), "names", strings.Join(rule.Names, "\n"),
		"when", rule.When, "reason", rule.Reason, "whom", whomValue(rule), "person", rule.Person)
	for _, c := range rule.Categories {
		f.values.Add("categories", string(c))
	}
	f.setDate("review", s.today().AddDate(0, 6, 0))
	s.rulePage(w, r, http.StatusOK, rule.ID, f)
}

func (s *Server) noRule(w http.ResponseWriter, r *http.Request) {
	s.sorry(w, r, http.StatusNotFound, "There is no such rule", "Somebody may have removed it. Choose one from the page Rules.")
}

func ruleIndex(cfg config.Config, id string) int {
	return slices.IndexFunc(cfg.Filter.Rules, func(r identity.Rule) bool { return r.ID == id })
}

// whomValue is the choice of whom a rule is for.
func whomValue(r identity.Rule) string {
	switch {
	case !r.Device.IsZero():
		return "device " + r.Device.String()
	case r.Person != "":
		return "person"
	case r.Group != "":
		return "group " + r.Group
	case r.Zone != "":
		return "zone " + r.Zone
	}
	return "everybody"
}

func (s *Server) rulePage(w http.ResponseWriter, r *http.Request, status int, id string, f *form) {
	devices, err := s.devices()
	if err != nil {
		s.fail(w, r, "reading the devices", err)
		return
	}
	cfg, _ := s.o.Config.Current()
	title := "New rule"
	if id != "" {
		title = "Change the rule “" + id + "”"
	}
	p := s.page(r, "rules", title)
	p.Back = &link{"/rules", "Rules"}
	p.Form = f
	p.Body = rulePage{
		ID: id, Groups: cfg.Groups, Zones: cfg.Zones, Devices: devices, Timetables: cfg.Filter.Timetables,
		Categories: openable(), Actions: ruleActions, Author: visitOf(r).account, DateHint: s.dateHint(),
	}
	s.render(w, status, "rule", p)
}

// openable are the categories a rule can be about.
func openable() []identity.CategoryInfo {
	return slices.DeleteFunc(identity.Categories(), func(c identity.CategoryInfo) bool { return c.Locked })
}

// saveRule makes a candidate of the settings with the rule in it, and shows what
// that changes.
func (s *Server) saveRule(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	id := r.PathValue("id")
	cfg, text, _ := s.candidate()
	i := len(cfg.Filter.Rules)
	if id != "" {
		if i = ruleIndex(cfg, id); i < 0 {
			s.noRule(w, r)
			return
		}
	}
	rule := s.ruleOf(r, f)
	if f.ok() && rule.Action != identity.Block {
		for _, name := range rule.Names {
			s.refuseLocked(f, "names", s.clientOf(rule.Device, rule.Group, rule.Person), name)
		}
	}
	if !f.ok() {
		s.rulePage(w, r, http.StatusUnprocessableEntity, id, f)
		return
	}
	rule.ID = firstOf(id, ruleID(rule, cfg))
	cfg.Filter.Rules = slices.Clone(cfg.Filter.Rules)
	if id == "" {
		cfg.Filter.Rules = append(cfg.Filter.Rules, rule)
	} else {
		cfg.Filter.Rules[i] = rule
	}
	if !checkAt(f, cfg, index("filter.rules", i)) {
		s.rulePage(w, r, http.StatusUnprocessableEntity, id, f)
		return
	}
	s.propose(w, r, filled("config", string(rewriteSettings(text, cfg, setElement(rulesAt, i, rule))), "etag", f.Value("etag")))
}

func (s *Server) removeRule(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	cfg, text, _ := s.candidate()
	i := ruleIndex(cfg, r.PathValue("id"))
	if i < 0 {
		s.noRule(w, r)
		return
	}
	cfg.Filter.Rules = slices.Delete(slices.Clone(cfg.Filter.Rules), i, i+1)
	s.propose(w, r, filled("config", string(rewriteSettings(text, cfg, setElement(rulesAt, i, nil))), "etag", f.Value("etag")))
}

// checkAt puts what is wrong with a candidate beside the fields of the form, as
// far as it lies at path; what lies elsewhere stands at the top.
func checkAt(f *form, cfg config.Config, path string) bool {
	for _, problem := range config.Validate(cfg) {
		field := ""
		if rest, ok := strings.CutPrefix(problem.Path, path+"."); ok {
			field, _, _ = strings.Cut(rest, "[")
		}
		f.fail(field, problem.Sentence)
	}
	return f.ok()
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// ruleOf is the rule that was typed.
func (s *Server) ruleOf(r *http.Request, f *form) identity.Rule {
	today := identity.DateOf(s.today())
	rule := identity.Rule{Action: identity.Action(f.Value("action")), When: f.Value("when"), Author: visitOf(r).account, Made: today}
	for line := range strings.FieldsFuncSeq(f.Value("names"), func(c rune) bool { return c == '\n' || c == '\r' || c == ' ' || c == ',' }) {
		rule.Names = append(rule.Names, siteName(line))
	}
	for _, c := range openable() {
		if f.Has("categories", string(c.ID)) {
			rule.Categories = append(rule.Categories, c.ID)
		}
	}
	switch {
	case len(rule.Names) == 0 && len(rule.Categories) == 0:
		f.fail("names", "Enter the names of sites, or choose categories.")
	case len(rule.Names) > 0 && len(rule.Categories) > 0:
		f.fail("names", "Enter names or choose categories, not both. Make two rules of it.")
	}
	kind, id, _ := strings.Cut(f.Value("whom"), " ")
	switch kind {
	case "everybody":
	case "device":
		rule.Device, _ = identity.ParseMAC(id) // none is refused below
		if rule.Device.IsZero() {
			f.fail("whom", "Choose whom the rule is for.")
		}
	case "person":
		rule.Person = f.require("person", "Enter the person’s full name.")
	case "group":
		rule.Group = id
	case "zone":
		rule.Zone = id
	default:
		f.fail("whom", "Choose whom the rule is for.")
	}
	rule.Reason = f.require("reason", "Enter why: somebody will ask next year.")
	rule.Review = identity.DateOf(f.dateAhead("review", "the day by which the rule is looked at again", s.today()))
	return rule
}

// siteName makes a name of what somebody typed or copied from a browser.
func siteName(typed string) string {
	name := strings.ToLower(strings.TrimSpace(typed))
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name = rest
	}
	name, _, _ = strings.Cut(name, "/")
	name = strings.Trim(strings.TrimPrefix(name, "*."), ".")
	if ascii, err := idna.Lookup.ToASCII(name); err == nil {
		return ascii
	}
	return name // Validate says what is wrong with it
}

// ruleID is a short name for a new rule that no other has.
func ruleID(r identity.Rule, cfg config.Config) string {
	base := "rule"
	if len(r.Names) > 0 {
		labels := strings.Split(strings.TrimPrefix(r.Names[0], "www."), ".")
		base = labels[0]
	} else if len(r.Categories) > 0 {
		base = string(r.Categories[0])
	}
	base = strings.Trim(strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' {
			return c
		}
		return '-'
	}, base), "-")
	base = firstOf(base[:min(len(base), 30)], "rule")
	id := base
	for n := 2; ruleIndex(cfg, id) >= 0; n++ {
		id = fmt.Sprintf("%s-%d", base, n)
	}
	return id
}

package admin

import (
	"net/http"
	"slices"
	"strings"

	"stairgate/config"
	"stairgate/config/identity"
)

type groupsPage struct {
	Etag       string
	Groups     []groupBlock
	Categories []identity.CategoryInfo
	Modes      []choice
}

type groupBlock struct {
	identity.Group
	Settings  []categorySetting
	Platforms []platformBox
	Chosen    int // platforms
}

// Mode is the group's mode of YouTube; nothing said is off.
func (g groupBlock) Mode() string { return firstOf(string(g.YouTube), string(identity.YouTubeOff)) }

// categorySetting is what a group may do with a category, as one choice.
type categorySetting struct {
	identity.CategoryInfo
	Field   string
	Choices []choice
	Chosen  string
}

type platformBox struct {
	identity.Platform
	Chosen bool
}

// asWritten is the choice of a setting that the page has no words for.
const asWritten = "as-written"

// categoryChoices are the settings a category can have on this page.
func categoryChoices(times []identity.Timetable) []choice {
	out := []choice{{"allow", "Open"}, {"warn", "Warning first"}, {"block", "Blocked"}}
	for _, t := range times {
		out = append(out,
			choice{"block allow " + t.ID, "Blocked, but open: " + t.Name},
			choice{"allow block " + t.ID, "Open, but blocked: " + t.Name})
	}
	return out
}

// settingOf is the choice that says what rules say of a category.
func settingOf(rules []identity.CategoryRule, c identity.Category) string {
	var except *identity.CategoryRule
	base := string(identity.Allow)
	for i, r := range rules {
		if !slices.Contains(r.Of, c) {
			continue
		}
		if r.When == "" {
			base = string(r.Action)
			break
		}
		if except != nil {
			return asWritten
		}
		except = &rules[i]
	}
	switch {
	case except == nil:
		return base
	case base == "block" && except.Action == identity.Allow, base == "allow" && except.Action == identity.Block:
		return base + " " + string(except.Action) + " " + except.When
	}
	return asWritten
}

// withSetting is rules with another choice for a category, which leaves what
// they say of all others, and their order, as it was.
func withSetting(rules []identity.CategoryRule, c identity.Category, setting string) []identity.CategoryRule {
	var out []identity.CategoryRule
	for _, r := range rules {
		r.Of = slices.DeleteFunc(slices.Clone(r.Of), func(o identity.Category) bool { return o == c })
		if len(r.Of) > 0 {
			out = append(out, r)
		}
	}
	base, exception, timed := strings.Cut(setting, " ")
	if timed {
		action, when, _ := strings.Cut(exception, " ")
		out = into(out, c, identity.Action(action), when)
	}
	if base != string(identity.Allow) {
		out = into(out, c, identity.Action(base), "")
	}
	return out
}

// into adds a category to the rule that says this of others already, or to a new
// one: rules for a time stand before those for always.
func into(rules []identity.CategoryRule, c identity.Category, a identity.Action, when string) []identity.CategoryRule {
	for i, r := range rules {
		if r.Action == a && r.When == when {
			rules[i].Of = append(slices.Clone(r.Of), c)
			return rules
		}
	}
	r := identity.CategoryRule{Action: a, Of: []identity.Category{c}, When: when}
	if when == "" {
		return append(rules, r)
	}
	return slices.Insert(rules, 0, r)
}

func (s *Server) showGroups(w http.ResponseWriter, r *http.Request) {
	cfg, etag := s.o.Config.Current()
	p := s.page(r, "groups", "Groups")
	body := groupsPage{Etag: etag, Categories: identity.Categories(), Modes: youtubeModes}
	choices := categoryChoices(cfg.Filter.Timetables)
	for _, g := range cfg.Groups {
		b := groupBlock{Group: g, Chosen: len(g.Platforms)}
		for _, c := range identity.Categories() {
			if c.Locked {
				continue
			}
			row := categorySetting{c, categoryField(g.ID, c.ID), choices, settingOf(g.Categories, c.ID)}
			if row.Chosen == asWritten {
				row.Choices = append(slices.Clone(choices), choice{asWritten, "As written in Settings"})
			}
			b.Settings = append(b.Settings, row)
		}
		for _, platform := range identity.Platforms() {
			b.Platforms = append(b.Platforms, platformBox{platform, slices.Contains(g.Platforms, platform.ID)})
		}
		body.Groups = append(body.Groups, b)
	}
	p.Body = body
	s.render(w, http.StatusOK, "groups", p)
}

var youtubeModes = []choice{{"off", "As it is"}, {"moderate", "Moderate"}, {"strict", "Strict"}}

func categoryField(group string, c identity.Category) string {
	return "category-" + group + "-" + string(c)
}

// checkGroups turns the form into a candidate configuration and shows what it
// would change, like any other change of settings.
func (s *Server) checkGroups(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	cfg, _ := s.o.Config.Current()
	groups := slices.Clone(cfg.Groups)
	var edits []settingsEdit
	for i, g := range groups {
		if f.Value("group-"+g.ID) == "" {
			continue // made since the page was shown: as it is
		}
		groups[i] = groupOf(f, g, cfg.Filter.Timetables)
		edits = append(edits, groupEdits(i, g, groups[i])...)
	}
	cfg.Groups = groups
	text, _ := s.o.Config.Text()
	s.propose(w, r, filled("config", string(rewriteSettings(text, cfg, edits...)), "etag", f.Value("etag")))
}

// groupOf is what the form makes of a group.
func groupOf(f *form, g identity.Group, times []identity.Timetable) identity.Group {
	choices := categoryChoices(times)
	for _, c := range identity.Categories() {
		chosen := f.Value(categoryField(g.ID, c.ID))
		// A locked category is blocked whatever a browser sends, and what is none of
		// the choices changes nothing.
		if c.Locked || chosen == settingOf(g.Categories, c.ID) ||
			!slices.ContainsFunc(choices, func(o choice) bool { return o.Value == chosen }) {
			continue
		}
		g.Categories = withSetting(g.Categories, c.ID, chosen)
	}
	g.SafeSearch = f.Value("safesearch-"+g.ID) != ""
	g.AllowOnly = f.Value("allow-only-"+g.ID) != ""
	mode := f.Value("youtube-" + g.ID)
	if mode != (groupBlock{Group: g}).Mode() && slices.ContainsFunc(youtubeModes, func(o choice) bool { return o.Value == mode }) {
		g.YouTube = identity.YouTube(mode)
	}
	var platforms []string
	for _, p := range identity.Platforms() {
		if f.Has("platforms-"+g.ID, p.ID) {
			platforms = append(platforms, p.ID)
		}
	}
	g.Platforms = keepOrder(g.Platforms, platforms)
	return g
}

// groupEdits are the changes of the text that make a group another.
func groupEdits(i int, old, new identity.Group) []settingsEdit {
	at := []any{"groups", i}
	var out []settingsEdit
	if !sameRules(old.Categories, new.Categories) {
		out = append(out, setKey(at, "categories", emptyNotNull(new.Categories)))
	}
	if old.SafeSearch != new.SafeSearch {
		out = append(out, setKey(at, "safesearch", new.SafeSearch))
	}
	if old.YouTube != new.YouTube {
		out = append(out, setKey(at, "youtube", new.YouTube))
	}
	if old.AllowOnly != new.AllowOnly {
		out = append(out, setKey(at, "allow_only", new.AllowOnly))
	}
	if !slices.Equal(old.Platforms, new.Platforms) {
		out = append(out, setKey(at, "platforms", emptyNotNull(new.Platforms)))
	}
	return out
}

func sameRules(a, b []identity.CategoryRule) bool {
	return slices.EqualFunc(a, b, func(x, y identity.CategoryRule) bool {
		return x.Action == y.Action && x.When == y.When && slices.Equal(x.Of, y.Of)
	})
}

// emptyNotNull is a list that is written [] when it is empty.
func emptyNotNull[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// keepOrder is the new choice in the order the old one was written in, new ones
// at the end, so that the file changes only where the choice did.
func keepOrder(old, chosen []string) []string {
	var out []string
	for _, c := range old {
		if slices.Contains(chosen, c) {
			out = append(out, c)
		}
	}
	for _, c := range chosen {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// candidate is the settings in force as they are, to be changed.
func (s *Server) candidate() (cfg config.Config, text []byte, etag string) {
	cfg, _ = s.o.Config.Current()
	text, etag = s.o.Config.Text()
	return cfg, text, etag
}

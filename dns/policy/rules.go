package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"stairgate/config/identity"
)

// Rules is what the school decided, compiled from one snapshot. It never
// changes: an edit makes new Rules, which takes a millisecond and touches no
// list.
type Rules struct {
	clock    *time.Location
	calendar identity.Calendar
	index    index
	groups   map[string]*group
	unknown  *group // of a client whose group is missing
	contact  string
	own      map[string]*identity.Rule    // by Verdict.Rule
	unblocks map[string]*identity.Unblock // by Verdict.Rule
	warned   []*origin                    // of the openings by those who were warned
	zones    map[string]string            // names by ID
}

// unknownGroup stands in rules for the group of a client whose group is missing.
const unknownGroup = "unknown"

// The levels of a decision, the nearest to the client first. Inside a level the
// order of the configuration counts.
const (
	levelUnblock = iota // made this hour by somebody who stands beside it
	levelDevice
	levelPerson
	levelGroup
	levelPlatform // chosen for the group as a bundle
	levelZone
	levelEverybody
)

// scope says whom a rule is for. Everything empty is everybody.
type scope struct {
	device identity.MAC
	person string
	group  string
	zone   string
}

// holds reports whether c is meant.
func (s *scope) holds(c *identity.Client) bool {
	switch {
	case !s.device.IsZero():
		return c.MAC == s.device
	case s.person != "":
		return strings.EqualFold(c.Person, s.person)
	case s.group != "":
		return c.Group == s.group
	case s.zone != "":
		return c.Zone == s.zone
	}
	return true
}

// origin is what a nameRule and a categoryRule have in common.
type origin struct {
	level  int
	order  int
	action Action
	rule   string // as in Verdict.Rule
	scope  scope
	when   *timetable        // nil is always
	never  bool              // names a timetable there is none of
	live   *identity.Unblock // not nil: from and until count
	own    *identity.Rule
}

// skew is how far a clock may have been put back without ending an opening. One
// that begins later than that was made under another clock and does not hold:
// else a box that wakes in the past would keep it open for years.
const skew = 5 * time.Minute

// holds reports whether the rule speaks to c at this moment.
func (o *origin) holds(r *Rules, c *identity.Client, m *moment) bool {
	switch {
	case !o.scope.holds(c), o.never:
		return false
	case o.live != nil:
		return !m.at.Before(o.live.From.Add(-skew)) && m.at.Before(o.live.Until)
	case o.when != nil:
		return o.when.holds(m, &r.calendar)
	}
	return true
}

// nearer sorts by level, then by the order of the configuration.
func (o *origin) nearer(p *origin) int {
	if o.level != p.level {
		return o.level - p.level
	}
	return o.order - p.order
}

// nameRule is a rule about a name and everything below it.
type nameRule struct {
	origin
	sentence, child string // for people; empty when it allows
}

// Compile makes Rules of a snapshot's plain form, which it keeps and which must
// not be changed afterwards. What Validate would refuse comes out narrow: a
// group nobody knows blocks every category, a timetable nobody knows never
// holds, a locked category is in no rule.
func Compile(d *identity.Data) *Rules {
	r := &Rules{
		clock:    clockOf(d.Policy.Clock),
		calendar: d.Policy.Calendar,
		groups:   make(map[string]*group, len(d.Groups)),
		contact:  Contact(d.School.Contact),
		own:      make(map[string]*identity.Rule, len(d.Policy.Rules)),
		unblocks: make(map[string]*identity.Unblock, len(d.Policy.Unblocks)),
		zones:    make(map[string]string, len(d.Zones)),
	}
	for _, z := range d.Zones {
		r.zones[z.ID] = z.Name
	}
	times := make(map[string]*timetable, len(d.Policy.Timetables))
	for _, t := range d.Policy.Timetables {
		times[t.ID] = newTimetable(t)
	}
	var personal []*categoryRule
	for i := range d.Policy.Unblocks {
		personal = r.unblock(&d.Policy.Unblocks[i], i, personal)
	}
	for i := range d.Policy.Rules {
		personal = r.rule(&d.Policy.Rules[i], i, times, personal)
	}
	safe := false
	for i := range d.Groups {
		g := r.newGroup(&d.Groups[i], times, personal)
		r.groups[g.id] = g
		safe = safe || g.safeSearch
		r.platforms(&d.Groups[i])
	}
	if safe {
		for _, name := range engines {
			r.index.at(name).engine = true
		}
	}
	// A mistake must not open anything.
	closed := identity.Group{ID: unknownGroup, Categories: identity.Blocking(identity.AllCategories().Categories()...)}
	r.unknown = r.newGroup(&closed, times, personal)
	for _, e := range r.index.entries {
		slices.SortStableFunc(e.rules, func(a, b *nameRule) int { return a.nearer(&b.origin) })
	}
	return r
}

// unblock compiles an opening for a while.
func (r *Rules) unblock(u *identity.Unblock, order int, personal []*categoryRule) []*categoryRule {
	o := origin{
		level: levelUnblock, order: order, action: Allow, rule: RuleUnblock + strconv.FormatInt(u.ID, 10),
		scope: scope{device: u.Device, person: u.Person}, live: u,
	}
	if u.Device.IsZero() && u.Person == "" {
		return personal // for nobody
	}
	r.unblocks[o.rule] = u
	if u.Warned {
		if !u.Device.IsZero() && u.Name != "" && u.Author != "" {
			r.warned = append(r.warned, &o)
		}
		return personal
	}
	if u.Name != "" {
		e := r.index.at(u.Name)
		e.rules = append(e.rules, &nameRule{origin: o})
		return personal
	}
	return append(personal, &categoryRule{origin: o, of: identity.SetOf(u.Category)})
}

// rule compiles one of the school's own rules.
func (r *Rules) rule(in *identity.Rule, order int, times map[string]*timetable, personal []*categoryRule) []*categoryRule {
	o := origin{
		level: levelOf(in), order: order, action: actionOf(in.Action), rule: RuleOwn + in.ID,
		scope: scope{in.Device, in.Person, in.Group, in.Zone}, own: in,
	}
	o.setWhen(in.When, times)
	r.own[o.rule] = in
	if len(in.Categories) > 0 {
		return append(personal, &categoryRule{origin: o, of: identity.SetOf(in.Categories...)})
	}
	n := &nameRule{origin: o}
	if n.action != Allow {
		n.sentence, n.child = nameSentence(n.action, r.contact), childSentence(thisPage, r.contact)
	}
	for _, name := range in.Names {
		e := r.index.at(name)
		e.rules = append(e.rules, n)
	}
	return personal
}

// actionOf is what a rule does; what nobody knows blocks.
func actionOf(a identity.Action) Action {
	switch a {
	case identity.Allow:
		return Allow
	case identity.Warn:
		return Warn
	}
	return Block
}

func (o *origin) setWhen(id string, times map[string]*timetable) {
	if id != "" {
		o.when = times[id]
		o.never = o.when == nil
	}
}

func levelOf(r *identity.Rule) int {
	switch {
	case !r.Device.IsZero():
		return levelDevice
	case r.Person != "":
		return levelPerson
	case r.Group != "":
		return levelGroup
	case r.Zone != "":
		return levelZone
	}
	return levelEverybody
}

// platforms opens the names of the platforms chosen for a group.
func (r *Rules) platforms(g *identity.Group) {
	for i, id := range g.Platforms {
		p, _ := identity.PlatformOf(id)
		n := &nameRule{origin: origin{
			level: levelPlatform, order: i, action: Allow, rule: RulePlatform + id, scope: scope{group: g.ID},
		}}
		for _, name := range p.Names {
			e := r.index.at(name)
			e.rules = append(e.rules, n)
		}
	}
}

package config

import (
	"slices"
	"strings"

	"stairgate/config/identity"
)

// The bounds of the school's own rules.
const (
	maxRules      = 1000
	maxRuleID     = 40
	maxRuleNames  = 500
	maxGroupRules = 100
	maxReason     = 500
	maxPersonName = 100
	// maxReview is how far off a rule's review may be: a school looks at its
	// filter once in an academic year at least.
	maxReviewMonths = 13
)

// actions are what a rule can do.
var actions = []identity.Action{identity.Allow, identity.Warn, identity.Block}

func checkAction(say say, path string, a identity.Action) {
	choose(say, path, a, "action", actions...)
}

// categoryIDs are the categories there are.
func categoryIDs() []identity.Category {
	var out []identity.Category
	for _, info := range identity.Categories() {
		out = append(out, info.ID)
	}
	return out
}

// checkCategory looks at one category of a rule.
func checkCategory(say say, path string, c identity.Category, action identity.Action) {
	choose(say, path, c, "category", categoryIDs()...)
	if info, ok := c.Info(); ok && info.Locked && action != identity.Block {
		say(path, "%s is blocked for everybody, always; nothing opens it. Remove %s here.", category(c), quote(string(c)))
	}
}

// checkGroupCategories looks at what a group may do by kind of site.
func checkGroupCategories(rules []identity.CategoryRule, times []string, path string, say say) {
	if n := len(rules); n > maxGroupRules {
		say(path, "There are %d rules; write at most %d.", n, maxGroupRules)
	}
	type once struct {
		category identity.Category
		when     string
	}
	said := map[once]string{}
	always := map[identity.Category]string{}
	for i, r := range rules {
		at := index(path, i)
		checkAction(say, at+".action", r.Action)
		if len(r.Of) == 0 {
			say(at+".of", `The rule is about no category. Write at least one, such as ["shopping"], or remove the rule.`)
		}
		for k, c := range r.Of {
			here := index(at+".of", k)
			checkCategory(say, here, c, r.Action)
			if _, known := c.Info(); !known {
				continue
			}
			if first, ok := said[once{c, r.When}]; ok {
				say(here, "%s stands at %s already. Remove one of the two.", quote(string(c)), first)
			} else if first, ok := always[c]; ok {
				say(here, "%s is decided for every time at %s already, so this is never asked. Write the rule with a timetable before that one.", quote(string(c)), first)
			}
			said[once{c, r.When}] = here
			if r.When == "" {
				always[c] = here
			}
		}
		checkWhen(say, at+".when", r.When, times)
	}
}

func checkPlatforms(ids []string, path string, say say) {
	var known []string
	for _, p := range identity.Platforms() {
		known = append(known, p.ID)
	}
	seen := map[string]int{}
	for i, id := range ids {
		at := index(path, i)
		choose(say, at, id, "platform", known...)
		if slices.Contains(known, id) {
			once(say, at, seen, id, i, path)
		}
	}
}

// checkWhen looks at the name of a timetable; none is always.
func checkWhen(say say, path, when string, times []string) {
	if when == "" || slices.Contains(times, when) {
		return
	}
	if meant, ok := nearest(when, times); ok {
		say(path, "There is no timetable %s. Did you mean %s?", quote(when), quote(meant))
		return
	}
	if len(times) == 0 {
		say(path, "There is no timetable %s: filter.timetables has none. Write it there, or leave out when: then the rule always holds.", quote(when))
		return
	}
	say(path, "There is no timetable %s. Those there are: %s.", quote(when), join(times))
}

func timetableIDs(c Config) []string {
	var out []string
	for _, t := range c.Filter.Timetables {
		out = append(out, t.ID)
	}
	return out
}

func checkRules(c Config, say say) {
	if n := len(c.Filter.Rules); n > maxRules {
		say("filter.rules", "There are %d rules; the box takes at most %d.", n, maxRules)
	}
	times := timetableIDs(c)
	ids := map[string]int{}
	for i, r := range c.Filter.Rules {
		path := index("filter.rules", i)
		if !lower(r.ID, maxRuleID) {
			say(path+".id", `%s cannot be a rule's id. Write 1 to %d of a-z, 0-9 and - (not first or last), such as "kahoot": it stands in the query log.`, quote(r.ID), maxRuleID)
		}
		unique(say, path+".id", "rule id", ids, r.ID, i, "filter.rules")
		checkAction(say, path+".action", r.Action)
		checkSubject(r, path, say)
		checkScope(c, r, path, say)
		checkWhen(say, path+".when", r.When, times)
		if !oneLine(r.Reason, maxReason) {
			say(path+".reason", `A rule needs its reason, for those who look at it next year. Write it in one line of at most %d letters, such as "Quiz in the staff training".`, maxReason)
		}
		if !oneLine(r.Author, maxPersonName) {
			say(path+".author", "A rule names who decided it. Write the name in one line of at most %d letters.", maxPersonName)
		}
		checkReview(r, path, say)
	}
}

// checkSubject looks at what a rule is about.
func checkSubject(r identity.Rule, path string, say say) {
	switch {
	case len(r.Names) == 0 && len(r.Categories) == 0:
		say(path+".names", `The rule is about nothing. Write "names": ["example.org"], or "categories": ["shopping"].`)
	case len(r.Names) > 0 && len(r.Categories) > 0:
		say(path+".categories", "A rule is about names or about categories. Make two of it.")
	case len(r.Names) > maxRuleNames:
		say(path+".names", "The rule has %d names; write at most %d.", len(r.Names), maxRuleNames)
	}
	seen := map[string]int{}
	for k, name := range r.Names {
		at := index(path+".names", k)
		if sentence := siteFault(name); sentence != "" {
			say(at, "%s", sentence)
			continue
		}
		once(say, at, seen, name, k, path+".names")
	}
	had := map[identity.Category]int{}
	for k, category := range r.Categories {
		at := index(path+".categories", k)
		checkCategory(say, at, category, r.Action)
		if _, known := category.Info(); known {
			once(say, at, had, category, k, path+".categories")
		}
	}
}

// siteFault says why a name cannot be that of a site; "" when it can.
func siteFault(name string) string {
	if hostLabels(name) {
		return ""
	}
	const covers = ", which covers everything below it as well."
	fixed := strings.ToLower(strings.Trim(name, ". "))
	if _, rest, ok := strings.Cut(fixed, "://"); ok {
		fixed = rest
	}
	fixed, _, _ = strings.Cut(fixed, "/")
	fixed = strings.TrimPrefix(strings.TrimPrefix(fixed, "*."), ".")
	switch {
	case strings.HasPrefix(name, "*.") && hostLabels(name[2:]):
		return "There are no wildcards here. Write " + quote(name[2:]) + covers
	case strings.Contains(name, "/") && hostLabels(fixed):
		return "The box sees names, not addresses of pages. Write " + quote(fixed) + covers
	case hostLabels(fixed):
		return "Names are written in small letters, without a full stop at either end: write " + quote(fixed) + "."
	case strings.ContainsFunc(name, func(r rune) bool { return r > 127 }):
		return quote(name) + " has letters that a name on the wire does not. Write it as the browser's address line shows it when copied: it begins with xn--."
	}
	return quote(name) + ` is not a full host name. Write one such as "kahoot.it".`
}

// hostLabels is hostName, and labels may begin with _ or hold one: some hosts do.
func hostLabels(s string) bool { return hostName(strings.ReplaceAll(s, "_", "a")) }

// checkScope looks at whom a rule is for.
func checkScope(c Config, r identity.Rule, path string, say say) {
	var said []string
	if !r.Device.IsZero() {
		said = append(said, "device")
	}
	for _, part := range []struct{ key, value string }{{"person", r.Person}, {"group", r.Group}, {"zone", r.Zone}} {
		if part.value != "" {
			said = append(said, part.key)
		}
	}
	if len(said) > 1 {
		say(path+"."+said[1], "A rule is for one device, one person, one group, one zone or, without these keys, for everybody; here are %s. Make one rule for each.", join(said))
	}
	if r.Device[0]&1 != 0 {
		say(path+".device", "%s is not the hardware address of one device. Write the one that the device's page shows.", r.Device)
	}
	if r.Person != "" && (!oneLine(r.Person, maxPersonName) || strings.Join(strings.Fields(r.Person), " ") != r.Person) {
		say(path+".person", "Write the person's full name as it stands in the signatures, in one line of at most %d letters.", maxPersonName)
	}
	if r.Group != "" && len(c.Groups) > 0 && !slices.ContainsFunc(c.Groups, func(g identity.Group) bool { return g.ID == r.Group }) {
		missing(say, path+".group", "group", r.Group, groupIDs(c))
	}
	if r.Zone != "" && len(c.Zones) > 0 && !slices.ContainsFunc(c.Zones, func(z Zone) bool { return z.ID == r.Zone }) {
		missing(say, path+".zone", "zone", r.Zone, zoneIDs(c))
	}
}

// missing reports an id that nothing has.
func missing(say say, path, what, id string, known []string) {
	if meant, ok := nearest(id, known); ok {
		say(path, "There is no %s %s. Did you mean %s?", what, quote(id), quote(meant))
		return
	}
	say(path, "There is no %s %s. Those there are: %s.", what, quote(id), join(known))
}

func groupIDs(c Config) []string {
	var out []string
	for _, g := range c.Groups {
		out = append(out, g.ID)
	}
	return out
}

func zoneIDs(c Config) []string {
	var out []string
	for _, z := range c.Zones {
		out = append(out, z.ID)
	}
	return out
}

// checkReview looks at the two dates of a rule.
func checkReview(r identity.Rule, path string, say say) {
	if r.Made.IsZero() || r.Review.IsZero() {
		if r.Made.IsZero() {
			say(path+".made", `A rule says when it was made. Write the date, such as "2026-09-01".`)
		}
		if r.Review.IsZero() {
			say(path+".review", `A rule says by when somebody looks at it again. Write a date, such as "2027-07-01".`)
		}
		return
	}
	last := monthsLater(r.Made, maxReviewMonths)
	switch {
	case !r.Made.Before(r.Review):
		say(path+".review", "The rule was to be looked at again before it was made. Write a date after %s.", r.Made)
	case last.Before(r.Review):
		say(path+".review", "A school looks at its filter at least once in an academic year. Write a date up to %s.", last)
	}
}

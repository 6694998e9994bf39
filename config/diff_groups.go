package config

import (
	"slices"
	"strings"

	"stairgate/config/identity"
)

// groups compares group by group; a group is recognised by its id.
func (d *differ) groups(oldConfig, newConfig Config) {
	old, new := oldConfig.Groups, newConfig.Groups
	is := between(oldConfig, newConfig)
	for _, g := range new {
		i := slices.IndexFunc(old, func(o identity.Group) bool { return o.ID == g.ID })
		if i < 0 {
			d.say("There is a new group %s: besides the locked categories, %s blocked, and %s.", g.Name, categories(is.blocked(g)), signing(g))
			for _, info := range identity.Categories() {
				if set := is.of(g, info.ID); set != "" && set != blockedAlways {
					d.say("%s: %s is %s.", g.Name, category(info.ID), set)
				}
			}
			d.powers(identity.Group{}, g)
			continue
		}
		d.group(is, old[i], g)
	}
	for _, g := range old {
		if !slices.ContainsFunc(new, func(n identity.Group) bool { return n.ID == g.ID }) {
			d.say("The group %s is gone: whoever was in it needs another group.", g.Name)
		}
	}
}

func (d *differ) group(s settings, old, new identity.Group) {
	was(d, old.Name, new.Name, "The group %s is now called %s", quote(old.ID))
	var opened, changed []identity.Category
	for _, c := range identity.Categories() {
		a, b := s.of(old, c.ID), s.of(new, c.ID)
		switch {
		case c.Locked || a == b:
		case a == "" && b == blockedAlways:
			d.say("%s: %s is now blocked.", new.Name, category(c.ID))
		case a == blockedAlways && b == "":
			opened = append(opened, c.ID)
		default:
			changed = append(changed, c.ID)
		}
	}
	for _, c := range opened {
		d.say("%s: %s is no longer blocked.", new.Name, category(c))
	}
	for _, c := range changed {
		d.say("%s: %s is now %s (was %s).", new.Name, category(c), openWord(s.of(new, c)), openWord(s.of(old, c)))
	}
	if old.Sign != new.Sign {
		d.say("%s: from now on %s.", new.Name, signing(new))
	}
	d.powers(old, new)
}

// powers tells what the group's devices are shown and may open.
func (d *differ) powers(old, new identity.Group) {
	if old.SafeSearch != new.SafeSearch {
		d.say("%s: %s.", new.Name, word(new.SafeSearch,
			"search engines now answer in their safe mode, and those without one are blocked",
			"search engines are no longer held to their safe mode"))
	}
	if a, b := mode(old.YouTube), mode(new.YouTube); a != b {
		d.say("%s: YouTube's restricted mode is now %s (was %s).", new.Name, b, a)
	}
	if old.AllowOnly != new.AllowOnly {
		d.say("%s: %s.", new.Name, word(new.AllowOnly,
			"only sites that were chosen by name open from now on",
			"every site that is not blocked opens from now on (was: only chosen ones)"))
	}
	for _, id := range added(old.Platforms, new.Platforms) {
		d.say("%s: the platform “%s” now opens, with what it needs.", new.Name, platform(id))
	}
	for _, id := range added(new.Platforms, old.Platforms) {
		d.say("%s: the platform “%s” is no longer chosen.", new.Name, platform(id))
	}
	if old.Child != new.Child {
		d.say("%s: blocked sites now show the %s page.", new.Name, word(new.Child, "children's", "adults'"))
	}
	if old.Admin != new.Admin {
		d.say("%s: its devices %s open the admin pages.", new.Name, word(new.Admin, "may now", "may no longer"))
	}
}

// mode is a mode of YouTube as it is; nothing said is off.
func mode(y identity.YouTube) identity.YouTube {
	if y == "" {
		return identity.YouTubeOff
	}
	return y
}

// platform is what people call a platform.
func platform(id string) string {
	if p, ok := identity.PlatformOf(id); ok {
		return p.Name
	}
	return quote(id)
}

// signing says what a person has to do.
func signing(g identity.Group) string {
	return word(g.Sign, "an adult must sign the policy before a device is online", "an approved device is online without anybody signing the policy")
}

// settings puts the settings of groups and rules in words.
type settings struct{ timetables, groups, zones map[string]string }

// between names things as the newest configuration that has them does: a
// timetable that is only called something else is told of once, by itself.
func between(configs ...Config) settings {
	s := settings{map[string]string{}, map[string]string{}, map[string]string{}}
	for _, c := range configs {
		for _, t := range c.Filter.Timetables {
			s.timetables[t.ID] = t.Name
		}
		for _, g := range c.Groups {
			s.groups[g.ID] = g.Name
		}
		for _, z := range c.Zones {
			s.zones[z.ID] = z.Name
		}
	}
	return s
}

// called is the name people know something by.
func called(names map[string]string, id string) string {
	if name, ok := names[id]; ok {
		return name
	}
	return id
}

const blockedAlways = "blocked"

// of is the setting of a category in words; "" is open, as is every category
// that no rule names.
func (s settings) of(g identity.Group, c identity.Category) string {
	var parts []string
	last := ""
	for _, r := range g.Categories {
		if !slices.Contains(r.Of, c) {
			continue
		}
		if r.When == "" {
			last = actionWord(r.Action)
			break
		}
		parts = append(parts, openWord(actionWord(r.Action))+" during “"+called(s.timetables, r.When)+"”")
	}
	if len(parts) == 0 {
		return last
	}
	return strings.Join(parts, ", ") + " and otherwise " + openWord(last)
}

// blocked lists the categories that are the group's own choice and blocked at
// all times: the locked ones are blocked whether listed or not.
func (s settings) blocked(g identity.Group) []identity.Category {
	var out []identity.Category
	for _, c := range identity.Categories() {
		if !c.Locked && s.of(g, c.ID) == blockedAlways {
			out = append(out, c.ID)
		}
	}
	return out
}

// actionWord is the word for an action, "" for the one that needs no rule.
func actionWord(a identity.Action) string {
	switch a {
	case identity.Block:
		return blockedAlways
	case identity.Warn:
		return "shown after a warning"
	case identity.Allow:
		return ""
	}
	return string(a)
}

// openWord says "allowed" where nothing is said.
func openWord(s string) string {
	if s == "" {
		return "allowed"
	}
	return s
}

// category is what people call a category, as it stands after a colon.
func category(c identity.Category) string {
	if info, ok := c.Info(); ok {
		return "“" + info.Name + "”"
	}
	return string(c)
}

// categories names several with their verb: "“Chat” and “Games” are".
func categories(list []identity.Category) string {
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = category(c)
	}
	return join(names) + word(len(names) > 1, " are", " is")
}

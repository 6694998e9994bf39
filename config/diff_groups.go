package config

import (
	"slices"

	"stairgate/config/identity"
)

// groups compares group by group; a group is recognised by its id.
func (d *differ) groups(old, new []identity.Group) {
	for _, g := range new {
		i := slices.IndexFunc(old, func(o identity.Group) bool { return o.ID == g.ID })
		if i < 0 {
			d.say("There is a new group %s: besides the locked categories, %s blocked, and %s.", g.Name, categories(blocked(g)), signing(g))
			d.powers(identity.Group{}, g)
			continue
		}
		d.group(old[i], g)
	}
	for _, g := range old {
		if !slices.ContainsFunc(new, func(n identity.Group) bool { return n.ID == g.ID }) {
			d.say("The group %s is gone: whoever was in it needs another group.", g.Name)
		}
	}
}

func (d *differ) group(old, new identity.Group) {
	was(d, old.Name, new.Name, "The group %s is now called %s", quote(old.ID))
	for _, c := range added(blocked(old), blocked(new)) {
		d.say("%s: %s is now blocked.", new.Name, category(c))
	}
	for _, c := range added(blocked(new), blocked(old)) {
		d.say("%s: %s is no longer blocked.", new.Name, category(c))
	}
	if old.Sign != new.Sign {
		d.say("%s: from now on %s.", new.Name, signing(new))
	}
	d.powers(old, new)
}

// powers tells what the group's devices are shown and may open.
func (d *differ) powers(old, new identity.Group) {
	if old.Child != new.Child {
		d.say("%s: blocked sites now show the %s page.", new.Name, word(new.Child, "children's", "adults'"))
	}
	if old.Admin != new.Admin {
		d.say("%s: its devices %s open the admin pages.", new.Name, word(new.Admin, "may now", "may no longer"))
	}
}

// signing says what a person has to do.
func signing(g identity.Group) string {
	return word(g.Sign, "an adult must sign the policy before a device is online", "an approved device is online without anybody signing the policy")
}

// blocked lists the categories that are the group's own choice: the locked ones
// are blocked whether listed or not.
func blocked(g identity.Group) []identity.Category {
	var out []identity.Category
	for _, c := range g.Block {
		if info, ok := c.Info(); !ok || !info.Locked {
			out = append(out, c)
		}
	}
	return out
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

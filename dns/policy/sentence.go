package policy

import "stairgate/config/identity"

// sentence says what is blocked, for whom, and whom to ask. It names the
// category and never the site: it is read over shoulders.
func sentence(q Question, c identity.CategoryInfo) string {
	ask := Contact(q.Contact)
	switch {
	case q.Group.Child && ClassAt(q.Client, q.Now) == identity.Admitted:
		return "This page is not for children. Please tell a grown-up. (Grown-ups: " + c.Name + " is blocked here; ask " + ask + ".)"
	case c.Locked:
		return c.Name + ": blocked for everybody, and no setting opens it. If this site is wrongly in that category, tell " + ask + "."
	}
	who := q.Group.Name
	if who == "" {
		who = "your group"
	}
	return c.Name + ": blocked for " + who + ". If you need this site for your work, ask " + ask + "."
}

// Contact is whom to ask; a school that named nobody has an office.
func Contact(name string) string {
	if name == "" {
		return "the school office"
	}
	return name
}

package policy

import (
	"strings"

	"stairgate/config/identity"
)

// wentOn turns a warning into what the person made of it: who was warned of a name and
// went on, with a reason, is not warned again for a while. It opens nothing that is
// blocked, whatever else is decided meanwhile, holds for that person on that device
// only, and never for children.
func (r *Rules) wentOn(q *Question, g *group, m *moment, v Verdict) Verdict {
	if v.Action != Warn || g.child || q.Client.Person == "" {
		return v
	}
	if q.Led {
		// What the site leads to: one decision for both, as long as it too is no
		// more than warned of.
		if u := r.unblocks[q.By.Rule]; u != nil && u.Warned {
			return Verdict{Action: Allow, Rule: q.By.Rule, Category: v.Category, List: v.List}
		}
		return v
	}
	for _, u := range r.warned {
		if u.scope.holds(&q.Client) && u.holds(r, &q.Client, m) && strings.EqualFold(u.live.Author, q.Client.Person) && within(q.Name, u.live.Name) {
			return Verdict{Action: Allow, Rule: u.rule, Category: v.Category, List: v.List}
		}
	}
	return v
}

// within reports whether name is zone or lies below it.
func within(name, zone string) bool {
	above, ok := strings.CutSuffix(name, zone)
	return ok && (above == "" || strings.HasSuffix(above, "."))
}

// warnedWords say who went on.
func (r *Rules) warnedWords(u *identity.Unblock, of string) string {
	return u.Author + " was warned" + of + " and went on, on the device " + u.Device.String() + "."
}

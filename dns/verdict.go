package dns

import (
	"time"

	"stairgate/config/identity"
	"stairgate/dns/category"
	"stairgate/dns/policy"
)

// Here the two ways meet: whatever is decided about a name, for whichever way asks, is
// decided by these functions.

// led says what led to a name that was not asked for itself.
type led struct {
	verdict   policy.Verdict // on the name that was asked for
	essential bool           // that name is essential
}

// judge asks the policy about a name for a client. From is nil for the name that was
// asked for.
//
// An essential name stays open wherever its owner moves it, so what it leads to is
// taken for essential: content networks stand in lists all the time.
func (s *Server) judge(v *view, c *identity.Client, name string, set category.Set, now time.Time, from *led) policy.Verdict {
	q := policy.Question{Client: *c, Name: name, Set: set.CategorySet(), Essential: set.Essential(), Now: now}
	if from != nil {
		q.Led, q.By = true, from.verdict
		q.Essential = q.Essential || from.essential
	}
	return s.decide(v.rules, q)
}

// categories looks a name up that a worker has in wire form as well: there is no need to
// take its text apart again.
func (s *Server) categories(name string, wire []byte) category.Set {
	if h, ok := s.opt.Categories.(*category.Holder); ok {
		return h.LookupWire(wire)
	}
	return s.opt.Categories.Lookup(name)
}

// stops reports whether a verdict keeps the client from where a name leads. A warning
// stops it too: the page it is shown on takes the place of the site's.
func stops(v policy.Verdict) bool { return v.Action == policy.Block || v.Action == policy.Warn }

// watch tells the guard against tunnels of a name that would be answered. Nobody needs
// telling of essential names, and of a name that is asked for twice it makes nothing.
func (s *Server) watch(c *identity.Client, name string, set category.Set, now time.Time) policy.Verdict {
	if set.Essential() {
		return policy.Verdict{Action: policy.Allow}
	}
	return s.tunnel.Observe(c.Addr, name, now)
}

// builtin is the list in the query log when the table that comes with the program put
// the name in its category.
const builtin = "built-in"

// listOf is the list that put a name in a category.
func (s *Server) listOf(name string, c identity.Category) string {
	if h, ok := s.opt.Categories.(*category.Holder); ok {
		if db := h.DB(); db != nil {
			for _, hit := range db.Explain(name) {
				if hit.Category == c && hit.Counts {
					return hit.Source
				}
			}
		}
	}
	if category.Builtin().Lookup(name).Has(c) {
		return builtin
	}
	return ""
}

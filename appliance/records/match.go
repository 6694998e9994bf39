package records

import (
	"bytes"
	"slices"
)

// match fills s.rows with the rows that fit but for their time; false: none.
func (s *scan) match(k *block) bool {
	f := s.filter
	s.rows = s.rows[:0]
	byAsker, byRuling, byName := !f.MAC.IsZero() || s.person != "", f.Action != "" || f.Category != "", len(s.name)+len(s.part) > 0
	any := true
	if byAsker {
		s.askers, any = mark(s.askers, len(k.askers), func(i int) bool {
			a := k.askers[i]
			return (f.MAC.IsZero() || a.mac == f.MAC) && (s.person == "" || s.is(a.person))
		})
	}
	if any && byRuling {
		s.rulings, any = mark(s.rulings, len(k.rulings), func(i int) bool {
			r := k.rulings[i]
			return (f.Action == "" || r.action == f.Action) && (f.Category == "" || r.category == f.Category)
		})
	}
	if any && byName {
		s.names, any = mark(s.names, len(k.nameEnds), func(i int) bool {
			n := k.name(i)
			switch {
			case len(s.part) > 0 && !bytes.Contains(n, s.part):
				return false
			case len(s.name) == 0:
				return true
			case f.Exact:
				return bytes.Equal(n, s.name)
			}
			return below(n, s.name)
		})
	}
	if !any {
		return false
	}
	s.rows = slices.Grow(s.rows, k.rows)
	for i := range k.rows {
		if (!byAsker || s.askers[k.who.at(i)]) && (!byRuling || s.rulings[k.how.at(i)]) && (!byName || s.names[k.what.at(i)]) {
			s.rows = append(s.rows, i)
		}
	}
	return len(s.rows) > 0
}

// mark says of each of n things whether it fits, and whether any does.
func mark(to []bool, n int, fits func(i int) bool) (_ []bool, any bool) {
	to = slices.Grow(to[:0], n)[:n]
	for i := range n {
		to[i] = fits(i)
		any = any || to[i]
	}
	return to, any
}

// is reports whether a name is the person's who is searched for.
func (s *scan) is(name string) bool {
	same, known := s.people[name]
	if !known {
		same = NameKey(name) == s.person
		s.people[name] = same
	}
	return same
}

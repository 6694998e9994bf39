package identity

import "math/bits"

// CategorySet is a set of categories, one bit each, in the order of Categories:
// the lowest bit is the gravest. It belongs to a running program; files name
// their categories.
type CategorySet uint64

// bit gives every category its bit.
var bit = func() map[Category]CategorySet {
	m := make(map[Category]CategorySet)
	for i, c := range Categories() {
		m[c.ID] = 1 << i
	}
	return m
}()

// inOrder is Categories, made once, for those who only look.
var inOrder = Categories()

// locked is the set of the locked categories.
var locked = func() CategorySet {
	var s CategorySet
	for _, c := range Categories() {
		if c.Locked {
			s |= bit[c.ID]
		}
	}
	return s
}()

// SetOf makes a set. A category nobody knows adds nothing.
func SetOf(categories ...Category) CategorySet {
	var s CategorySet
	for _, c := range categories {
		s |= bit[c]
	}
	return s
}

// AllCategories is the set of every category there is.
func AllCategories() CategorySet { return 1<<len(inOrder) - 1 }

// Has reports whether c is in the set.
func (s CategorySet) Has(c Category) bool { return s&bit[c] != 0 }

// Locked is the part of the set that nothing can open.
func (s CategorySet) Locked() CategorySet { return s & locked }

// Gravest is the first category of the set in the order of Categories; ok is
// false when the set is empty.
func (s CategorySet) Gravest() (c CategoryInfo, ok bool) {
	i := bits.TrailingZeros64(uint64(s))
	if i >= len(inOrder) {
		return CategoryInfo{}, false
	}
	return inOrder[i], true
}

// Categories lists the set in the order of Categories.
func (s CategorySet) Categories() []Category {
	var out []Category
	for i, c := range inOrder {
		if s&(1<<i) != 0 {
			out = append(out, c.ID)
		}
	}
	return out
}

package category

import (
	"slices"
	"strings"

	"stairgate/config/identity"
)

// Set is a set of categories, one bit each. The zero Set is empty. The bits are
// private to a running program: a database on disk names its categories.
type Set uint32

// essentialBit marks a name that must never be blocked.
const essentialBit Set = 1 << 31

// bits gives every category its bit, in the order of identity.Categories.
var bits = func() map[identity.Category]Set {
	m := make(map[identity.Category]Set)
	for i, c := range identity.Categories() {
		m[c.ID] = 1 << i
	}
	return m
}()

// SetOf makes a set. A category nobody knows adds nothing.
func SetOf(categories ...identity.Category) Set {
	var s Set
	for _, c := range categories {
		s |= bits[c]
	}
	return s
}

// Has reports whether c is in the set.
func (s Set) Has(c identity.Category) bool { return s&bits[c] != 0 }

// Empty reports whether no category is in the set; an essential name is in none.
func (s Set) Empty() bool { return s&^essentialBit == 0 }

// Essential reports whether the name must never be blocked.
func (s Set) Essential() bool { return s&essentialBit != 0 }

// Categories lists the set in the order of identity.Categories.
func (s Set) Categories() []identity.Category {
	var out []identity.Category
	for _, c := range identity.Categories() {
		if s.Has(c.ID) {
			out = append(out, c.ID)
		}
	}
	return out
}

// String is the categories with commas, "essential", or "-" for nothing.
func (s Set) String() string {
	var words []string
	for _, c := range s.Categories() {
		words = append(words, string(c))
	}
	if s.Essential() {
		words = slices.Insert(words, 0, "essential")
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ",")
}

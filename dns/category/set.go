package category

import (
	"slices"
	"strings"

	"stairgate/config/identity"
)

// Set is a set of categories, one bit each as in an identity.CategorySet, and
// whether the name is essential. The zero Set is empty. The bits are private to a
// running program: a database on disk names its categories.
type Set uint64

// essentialBit marks a name that must never be blocked.
const essentialBit Set = 1 << 63

// illegalSet is what even an essential name is blocked for.
var illegalSet = SetOf(identity.Illegal)

// SetOf makes a set. A category nobody knows adds nothing.
func SetOf(categories ...identity.Category) Set { return Set(identity.SetOf(categories...)) }

// CategorySet is the categories of the set, in the form of package identity.
func (s Set) CategorySet() identity.CategorySet { return identity.CategorySet(s &^ essentialBit) }

// Has reports whether c is in the set.
func (s Set) Has(c identity.Category) bool { return s.CategorySet().Has(c) }

// Empty reports whether no category is in the set; an essential name is in none.
func (s Set) Empty() bool { return s&^essentialBit == 0 }

// Essential reports whether the name must never be blocked.
func (s Set) Essential() bool { return s&essentialBit != 0 }

// Categories lists the set in the order of identity.Categories.
func (s Set) Categories() []identity.Category { return s.CategorySet().Categories() }

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

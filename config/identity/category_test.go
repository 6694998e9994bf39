package identity_test

import (
	"testing"

	"stairgate/config/identity"
)

// Illegal content and pornography can be opened by nobody, at no level; malware
// is no school's business to open either.
func TestLockedCategories(t *testing.T) {
	locked := map[identity.Category]bool{identity.Illegal: true, identity.Pornography: true, identity.Malware: true}
	seen := map[identity.Category]bool{}
	for _, c := range identity.Categories() {
		if seen[c.ID] {
			t.Errorf("%s is listed twice", c.ID)
		}
		seen[c.ID] = true
		if c.Name == "" || c.Locked != locked[c.ID] {
			t.Errorf("%+v", c)
		}
		if info, ok := c.ID.Info(); !ok || info != c {
			t.Errorf("Info of %s: %+v, %t", c.ID, info, ok)
		}
	}
	if len(seen) != 18 {
		t.Errorf("%d categories", len(seen))
	}
	if _, ok := identity.Category("politics").Info(); ok {
		t.Error("a category that does not exist")
	}
}

// Each caller may do with the list what it likes.
func TestCategoriesAreFresh(t *testing.T) {
	identity.Categories()[0].Locked = false
	if !identity.Categories()[0].Locked {
		t.Error("a caller unlocked a category")
	}
}

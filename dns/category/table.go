package category

import (
	"fmt"
	"slices"
	"strings"

	"stairgate/config/identity"
)

// Database tells the categories of a name.
type Database interface {
	// Lookup takes a name in lower case without a final dot, in DNS presentation
	// form ("a\.b.example" has the label "a.b"). It does not allocate.
	Lookup(name string) Set
}

// Listing puts a name in categories.
type Listing struct {
	Name       string // lower case, punycode, no final dot
	Exact      bool   // the name only, not what is below it
	Essential  bool   // never blocked; Categories is empty
	Categories []identity.Category

	// What only a downloaded list says; a Table takes none of it.
	Directory string // of a UT1 tree, such as "adult"
	Exception bool   // takes the name out of this list again
	Important bool   // stands against an exception; an important exception against that
	Cancelled bool   // takes back the same listing of this list ($badfilter)
}

// Table is a Database held in memory.
type Table struct {
	below map[string]Set // the name and everything below it
	exact map[string]Set // the name itself
}

// New makes a Table. A listing in a category nobody knows, or one that is both
// essential and in a category, is an error.
func New(listings []Listing) (*Table, error) {
	t := &Table{below: make(map[string]Set, len(listings)), exact: make(map[string]Set)}
	for _, l := range listings {
		s := SetOf(l.Categories...)
		for _, c := range l.Categories {
			if SetOf(c) == 0 {
				return nil, fmt.Errorf("listing %s: there is no category %q", l.Name, c)
			}
		}
		if l.Essential {
			if s != 0 {
				return nil, fmt.Errorf("listing %s: it is essential, so it cannot be in a category", l.Name)
			}
			s = essentialBit
		}
		if l.Exception || l.Important || l.Cancelled {
			return nil, fmt.Errorf("listing %s: only a downloaded list has exceptions", l.Name)
		}
		if s == 0 {
			return nil, fmt.Errorf("listing %s: it is in no category", l.Name)
		}
		m := t.below
		if l.Exact {
			m = t.exact
		}
		if (m[l.Name]|s)&essentialBit != 0 && m[l.Name]|s != essentialBit {
			return nil, fmt.Errorf("listing %s: it is listed as essential and in a category", l.Name)
		}
		m[l.Name] |= s
	}
	return t, nil
}

// Lookup implements Database.
func (t *Table) Lookup(name string) Set {
	s, _ := t.lookup(name)
	return s
}

// lookup tells too whether the name is essential or lies below an essential one.
func (t *Table) lookup(name string) (s Set, essential bool) {
	// From the name upwards. Walking up, the first essential suffix ends the walk:
	// it would empty whatever stands above it.
	s = t.exact[name]
	if s.Essential() {
		return s, true
	}
	for rest := name; ; {
		here := t.below[rest]
		if here.Essential() {
			if s == 0 {
				return here, true
			}
			return s, true
		}
		s |= here
		next, ok := parent(rest)
		if !ok {
			return s, false
		}
		rest = next
	}
}

// explain tells which listings speak of a name, the outermost first.
func (t *Table) explain(s *split) []Hit {
	var out []Hit
	for i := s.labels - 1; i >= 0; i-- {
		name := s.suffix(i)
		for _, exact := range []bool{false, true} {
			here := t.below[name]
			if exact {
				here = 0
				if s.whole(i) {
					here = t.exact[name]
				}
			}
			if here.Essential() {
				for above := range out {
					out[above].Counts = false
				}
				out = append(out, Hit{Entry: name, Exact: exact, Source: builtinSource, Exception: true})
			}
			for _, c := range here.Categories() {
				out = append(out, Hit{Entry: name, Exact: exact, Category: c, Source: builtinSource, Counts: true})
			}
		}
	}
	return out
}

// Len is the number of listings.
func (t *Table) Len() int { return len(t.below) + len(t.exact) }

// All returns every listing of a category in order, for tests and for people.
func (t *Table) All(s Set) []string {
	var out []string
	for n, have := range t.below {
		if have&s != 0 {
			out = append(out, n)
		}
	}
	for n, have := range t.exact {
		if have&s != 0 {
			out = append(out, "="+n)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return strings.Compare(strings.TrimPrefix(a, "="), strings.TrimPrefix(b, "="))
	})
	return out
}

// parent cuts the first label off. A dot behind a backslash belongs to its label.
func parent(name string) (string, bool) {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '.':
			return name[i+1:], true
		}
	}
	return "", false
}

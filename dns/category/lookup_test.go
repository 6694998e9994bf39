package category

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"stairgate/config/identity"
)

// naive is Lookup as its documentation says it, one listing at a time, the outermost
// first.
func naive(listings []Listing, name string) Set {
	labels := strings.Split(name, ".")
	var s Set
	for i := len(labels) - 1; i >= 0; i-- {
		suffix := strings.Join(labels[i:], ".")
		for _, exact := range []bool{false, true} {
			var here Set
			for _, l := range listings {
				if l.Name != suffix || l.Exact != exact || exact && i > 0 {
					continue
				}
				if l.Essential {
					here = essentialBit
				} else {
					here |= SetOf(l.Categories...)
				}
			}
			switch {
			case here.Essential():
				s = essentialBit // empties what stands above
			case here != 0:
				s = s&^essentialBit | here // and what is listed below fills it again
			}
		}
	}
	return s
}

// The table and the naive way agree on random listings and names, from an alphabet so
// small that everything lies above or below something else.
func TestLookupAgreesWithNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() string {
		labels := make([]string, 1+r.IntN(4))
		for i := range labels {
			labels[i] = string(rune('a' + r.IntN(3)))
		}
		return strings.Join(labels, ".")
	}
	categories := identity.Categories()
	for range 300 {
		var listings []Listing
		taken := make(map[string]bool)
		for range 1 + r.IntN(12) {
			l := Listing{Name: random(), Exact: r.IntN(3) == 0, Essential: r.IntN(4) == 0}
			if key := fmt.Sprint(l.Name, l.Exact); taken[key] {
				continue
			} else {
				taken[key] = true
			}
			if !l.Essential {
				l.Categories = []identity.Category{categories[r.IntN(len(categories))].ID}
			}
			listings = append(listings, l)
		}
		table, err := New(listings)
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			name := random()
			if got, want := table.Lookup(name), naive(listings, name); got != want {
				t.Fatalf("%s is in %s, the naive way says %s, in\n%+v", name, got, want, listings)
			}
		}
	}
}

// FuzzLookup takes any name: it never fails, and agrees with the naive way wherever
// no backslash hides a dot.
func FuzzLookup(f *testing.F) {
	listings := []Listing{
		{Name: "a.b", Categories: []identity.Category{identity.Chat}},
		{Name: "b", Categories: []identity.Category{identity.Social}},
		{Name: "x.a.b", Essential: true},
		{Name: "y.x.a.b", Exact: true, Categories: []identity.Category{identity.Gaming}},
	}
	table, err := New(listings)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"", ".", "..", "b", "a.b", "x.a.b", "y.x.a.b", "z.y.x.a.b", `a\.b`, `\`, `a\`, `\.b`, "B", "b."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := table.Lookup(name)
		if !strings.Contains(name, `\`) && got != naive(listings, name) {
			t.Fatalf("%q is in %s, the naive way says %s", name, got, naive(listings, name))
		}
	})
}

// A dot inside a label is no boundary.
func TestEscapedDot(t *testing.T) {
	table, err := New([]Listing{{Name: "b.com", Categories: []identity.Category{identity.Chat}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"a.b.com": true, `a\.b.com`: false, `a\\.b.com`: true, `\.b.com`: false} {
		if got := table.Lookup(name).Has(identity.Chat); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func BenchmarkBuiltin(b *testing.B) {
	t := Builtin()
	names := []string{"www.bbc.co.uk", "m.facebook.com", "captive.apple.com", "a.very.deep.name.of.some.content.network.example.net"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t.Lookup(names[i%len(names)])
	}
}

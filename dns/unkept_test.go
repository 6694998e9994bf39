package dns

import (
	"fmt"
	"testing"
)

// Some share a place, and are remembered beside each other; the latest always is.
func TestUnkeptSideBySide(t *testing.T) {
	const few, runs = 8, 200
	for range runs {
		u := newUnkept()
		var all []*query
		for i := range few {
			q := &query{name: fmt.Sprintf("%d.example", i), qtype: 1}
			if u.has(q) {
				t.Fatalf("%s is known before it was added", q.name)
			}
			u.add(q)
			all = append(all, q)
		}
		for _, q := range all {
			if !u.has(q) {
				t.Fatalf("of %d questions %s is forgotten", few, q.name)
			}
		}
	}
	u := newUnkept()
	for i := range 100_000 {
		q := &query{name: fmt.Sprintf("%d.example", i), qtype: 28}
		if u.add(q); !u.has(q) {
			t.Fatalf("%s is forgotten at once", q.name)
		}
	}
}

package category

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stairgate/config/identity"
)

// plainList is a list as its documentation says it, in maps of names.
type plainList struct {
	category                       identity.Category
	below, alone, except, insisted map[string]bool
}

// has looks at every suffix of a name, given as its labels.
func (l *plainList) has(labels []string) bool {
	var listed, excepted, insisted bool
	for i := range labels {
		suffix := strings.Join(labels[i:], "\x00") // a label may hold a dot
		listed = listed || l.below[suffix] || i == 0 && l.alone[suffix]
		excepted = excepted || l.except[suffix]
		insisted = insisted || l.insisted[suffix]
	}
	return insisted || listed && !excepted
}

// madeUp makes lists of names that lie above, below and beside each other.
func madeUp(r *rand.Rand, names int) (lists []*plainList, sources []Source, all [][]string) {
	tlds := []string{"com", "org", "example", "co.uk", "xn--p1ai"}
	name := func() []string {
		if len(all) > 100 && r.IntN(4) == 0 {
			old := all[r.IntN(len(all))]
			if r.IntN(3) > 0 || len(old) < 4 {
				return append([]string{words[r.IntN(len(words))]}, old...) // below
			}
			return old[1:] // above
		}
		labels := strings.Split(tlds[r.IntN(len(tlds))], ".")
		for range 1 + r.IntN(3) {
			labels = append([]string{label(r)}, labels...)
		}
		return labels
	}
	for i, c := range []identity.Category{identity.Gaming, identity.Pornography} {
		l := &plainList{c, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
		var b strings.Builder
		for range names / 2 {
			labels := name()
			if len(strings.Join(labels, ".")) > 253 {
				continue
			}
			all = append(all, labels)
			key, n := strings.Join(labels, "\x00"), strings.Join(labels, ".")
			switch r.IntN(10) {
			case 0:
				l.except[key] = true
				fmt.Fprintf(&b, "@@||%s^\n", n)
			case 1, 2:
				l.alone[key] = true
				fmt.Fprintf(&b, "|%s^\n", n)
			case 3:
				l.insisted[key] = true
				fmt.Fprintf(&b, "||%s^$important\n", n)
			case 4:
				l.below[key] = true
				fmt.Fprintf(&b, "0.0.0.0 %s\n", strings.ToUpper(n))
			default:
				l.below[key] = true
				fmt.Fprintf(&b, "%s\n", n)
			}
		}
		lists = append(lists, l)
		s := text(fmt.Sprint("list", i), c, b.String())
		s.List.Suffixes = append(tlds, "uk")
		sources = append(sources, s)
	}
	return lists, sources, all
}

func label(r *rand.Rand) string {
	switch r.IntN(8) {
	case 0:
		return words[r.IntN(len(words))]
	case 1:
		return fmt.Sprintf("xn--%d-%s", r.IntN(1000), words[r.IntN(len(words))])
	case 2:
		return strings.Repeat("l", 1+r.IntN(63))
	case 3:
		return fmt.Sprintf("_%d", r.IntN(100))
	}
	return fmt.Sprintf("%s%d", words[r.IntN(len(words))], r.IntN(100_000))
}

// question makes a name out of a listed one, so that it comes as close as it can.
func question(r *rand.Rand, all [][]string) []string {
	q := slices.Clone(all[r.IntN(len(all))])
	switch i := r.IntN(len(q)); r.IntN(16) {
	case 0, 1, 2: // as listed
	case 3, 4:
		q = append([]string{label(r)}, q...)
	case 5:
		for range r.IntN(20) {
			q = append([]string{words[r.IntN(len(words))]}, q...)
		}
	case 6:
		q = q[min(1, len(q)-1):]
	case 7:
		q[i] += "x"
	case 8:
		q[i] = "x" + q[i]
	case 9:
		q[i] = q[i][1:] // perhaps empty
	case 10:
		q = append(q, "") // a final dot
	case 11: // a dot within a label
		if i > 0 {
			q[i-1] += "." + q[i]
			q = slices.Delete(q, i, i+1)
		}
	case 12: // a dot at another place
		if i > 0 && len(q[i]) > 1 {
			q[i-1], q[i] = q[i-1]+q[i][:1], q[i][1:]
		}
	case 13: // as long as DNS allows
		for n := len(strings.Join(q, ".")); n < 252; n = len(strings.Join(q, ".")) {
			q = append([]string{strings.Repeat("f", min(63, 252-n))}, q...)
		}
	case 14:
		q[i] = string(rune('a'+r.IntN(26))) + "\\" + string([]byte{byte(r.IntN(256))}) + q[i]
	default:
		q = []string{label(r), label(r), "com"}
	}
	return q
}

// present writes labels as DNS software does.
func present(r *rand.Rand, labels []string) string {
	var b strings.Builder
	for i, l := range labels {
		if i > 0 {
			b.WriteByte('.')
		}
		for _, c := range []byte(l) {
			switch {
			case c == '.' || c == '\\' || c == '"':
				b.WriteByte('\\')
				b.WriteByte(c)
			case c <= ' ' || c >= 0x7f || r.IntN(400) == 0:
				fmt.Fprintf(&b, "\\%03d", c)
			default:
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}

// A million names, most of them made to be mistaken, get from the file what they get
// from maps of names; as text and on the wire; with wide entries and narrow ones.
func TestAgreesWithMaps(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2026))
	lists, sources, all := madeUp(r, 200_000)
	var dbs []*DB
	for _, wide := range []int{0, 1} {
		out := filepath.Join(t.TempDir(), "names")
		if _, err := Compile(out, sources, CompileOptions{Seed: Seed{4, 2026}, wide: wide}); err != nil {
			t.Fatal(err)
		}
		db, err := Open(out)
		if err != nil {
			t.Fatal(err)
		}
		dbs = append(dbs, db)
	}
	if dbs[0].entrySize != 6 || dbs[1].entrySize != 5 || dbs[0].Len() < 150_000 {
		t.Fatalf("%d names in %d and %d bytes", dbs[0].Len(), dbs[0].entrySize, dbs[1].entrySize)
	}
	hits := 0
	for i := range 1_000_000 {
		q := question(r, all)
		var want Set
		for _, l := range lists {
			if l.has(q) {
				want |= SetOf(l.category)
			}
		}
		if want != 0 {
			hits++
		}
		db := dbs[i%2]
		name := present(r, q)
		if got := db.Lookup(name); got != want {
			t.Fatalf("%q is in %s, want %s: %+v", name, got, want, db.Explain(name))
		}
		if w := packet(q); w != nil {
			if got := db.LookupWire(w); got != want {
				t.Fatalf("%q on the wire is in %s, want %s", name, got, want)
			}
		}
	}
	if hits < 400_000 || hits > 900_000 {
		t.Errorf("%d of a million names are listed", hits)
	}
}

// packet is the wire form of labels, or nil where they have none.
func packet(labels []string) []byte {
	var b []byte
	for _, l := range labels {
		if l == "" || len(l) > 63 {
			return nil
		}
		b = append(append(b, byte(len(l))), l...)
	}
	if b = append(b, 0); len(b) > 255 {
		return nil
	}
	return b
}

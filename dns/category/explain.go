package category

import (
	"runtime"

	"stairgate/config/identity"
)

// sources is a set of sources.
type sources [maxSources / 64]uint64

func (s *sources) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *sources) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// opinions is what all suffixes of a name together have said of them, per source.
type opinions struct {
	listed, important, exceptions, importantExceptions sources
}

func (o *opinions) add(c claim) {
	i := c.source()
	switch c & (claimException | claimImportant) {
	case 0:
		o.listed.add(i)
	case claimImportant:
		o.important.add(i)
	case claimException:
		o.exceptions.add(i)
	default:
		o.importantExceptions.add(i)
	}
}

// holds reports whether source i, all in all, lists the name.
func (o *opinions) holds(i int) bool {
	return !o.importantExceptions.has(i) &&
		(o.important.has(i) || o.listed.has(i) && !o.exceptions.has(i))
}

// weigh is lookup where a source has made exceptions: they take back what the same
// source says of the name or of one above it, and nothing of what another says.
func (db *DB) weigh(w *walk) Set {
	var o opinions
	db.each(w, func(_ int, c claim) { o.add(c) })
	var set Set
	for i := range db.origins {
		if o.holds(i) {
			set |= db.origins[i].set
		}
	}
	return set
}

// each calls f for everything that is said of the name and those above it, the
// outermost first, with the label it begins at.
func (db *DB) each(w *walk, f func(label int, c claim)) {
	w.begin(db, nil)
	for w.next() {
		for _, found := range w.found[:w.n] {
			for _, c := range db.said[found.id].claims {
				if c&claimExact == 0 || w.whole(int(found.label)) {
					f(int(found.label), c)
				}
			}
		}
	}
}

// Hit is one listing that speaks of a name.
type Hit struct {
	Entry     string // as listed: the name or one above it
	Exact     bool   // listed without what is below it
	Category  identity.Category
	Source    string // the list, such as "ut1/adult"
	Exception bool   // the list takes the name out again
	Counts    bool   // false where an exception of the same list outweighs it
}

// Explain tells which lists a name is in, and through which entry, the outermost
// first.
func (db *DB) Explain(name string) []Hit {
	defer runtime.KeepAlive(db)
	var w walk
	w.name(name)
	var o opinions
	db.each(&w, func(_ int, c claim) { o.add(c) })
	var out []Hit
	db.each(&w, func(label int, c claim) {
		from := db.origins[c.source()]
		out = append(out, Hit{
			Entry: w.suffix(label), Exact: c&claimExact != 0,
			Category: from.category, Source: from.name,
			Exception: c&claimException != 0,
			Counts:    c&claimException == 0 && o.holds(c.source()),
		})
	})
	return out
}

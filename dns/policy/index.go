package policy

// index finds the entries of a name and of everything above it. Most names have
// none, so a small filter of hashes is asked before the map: one pass over the
// name, no allocation.
type index struct {
	filter  [filterBits / 64]uint64
	entries map[string]*entry
}

const filterBits = 1 << 15

// entry is what is known of one name.
type entry struct {
	rules  []*nameRule // in order of rank
	engine bool        // a search engine without a safe mode
}

// at is the entry of a name, made when there is none.
func (x *index) at(name string) *entry {
	if x.entries == nil {
		x.entries = make(map[string]*entry)
	}
	e := x.entries[name]
	if e == nil {
		e = new(entry)
		x.entries[name] = e
		h := uint32(hashSeed)
		for i := len(name) - 1; i >= 0; i-- {
			h = step(h, name[i])
		}
		x.filter[h%filterBits/64] |= 1 << (h % 64)
	}
	return e
}

// walk calls visit for each entry above or at name, the shortest first. A dot
// behind a backslash belongs to its label.
func (x *index) walk(name string, visit func(*entry)) {
	if len(x.entries) == 0 {
		return
	}
	h := uint32(hashSeed)
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' && !escaped(name, i) && x.maybe(h) {
			if e := x.entries[name[i+1:]]; e != nil {
				visit(e)
			}
		}
		h = step(h, name[i])
	}
	if x.maybe(h) {
		if e := x.entries[name]; e != nil {
			visit(e)
		}
	}
}

func (x *index) maybe(h uint32) bool { return x.filter[h%filterBits/64]&(1<<(h%64)) != 0 }

// FNV-1a, from the last byte to the first, so that every suffix has its hash on
// the way.
const hashSeed = 2166136261

func step(h uint32, b byte) uint32 { return (h ^ uint32(b)) * 16777619 }

// escaped reports whether the byte at i belongs to its label because an odd
// number of backslashes stands before it.
func escaped(name string, i int) bool {
	n := 0
	for i--; i >= 0 && name[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

package records

import (
	"bytes"
	"encoding/binary"
	"strings"

	"stairgate/config/identity"
)

// term is the hash of one thing a search may ask for: a person, a device, a
// name and all below it, a category, an action; or of two of them together.
type term uint64

// The kinds of term.
const (
	termPerson   = 'p'
	termDevice   = 'd'
	termName     = 'n'
	termCategory = 'c'
	termAction   = 'a'
)

// termOf is FNV-1a: the same in every run, because it is stored.
func termOf(kind byte, text string) term {
	h := (uint64(14695981039346656037) ^ uint64(kind)) * 1099511628211
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return term(h)
}

// and is the term of two things in one row.
func (t term) and(u term) term {
	return term((uint64(t)*1099511628211 ^ uint64(u)) * 1099511628211)
}

// personTerm and deviceTerm are of whom a row is about.
func personTerm(name string) term          { return termOf(termPerson, NameKey(name)) }
func deviceTerm(mac identity.MAC) term     { return termOf(termDevice, string(mac[:])) }
func categoryTerm(c string) term           { return termOf(termCategory, c) }
func actionTerm(a string) term             { return termOf(termAction, a) }
func nameTerm[S string | []byte](b S) term { return termOf(termName, string(b)) } // back to front

// termsOf are the terms of a block.
func termsOf(k *block) map[term]struct{} {
	out := make(map[term]struct{}, 3*len(k.nameEnds)+len(k.askers))
	for i := range k.nameEnds {
		n := k.name(i)
		out[nameTerm(n)] = struct{}{}
		for j, c := range n {
			if c == '.' {
				out[nameTerm(n[:j])] = struct{}{}
			}
		}
	}
	people, devices := make([]term, len(k.askers)), make([]term, len(k.askers))
	for i, a := range k.askers {
		people[i], devices[i] = personTerm(a.person), deviceTerm(a.mac)
		out[people[i]], out[devices[i]] = struct{}{}, struct{}{}
	}
	seen := make(map[uint64]struct{})
	for i := range k.rows {
		pair := uint64(k.who.at(i))<<32 | uint64(k.how.at(i))
		if _, ok := seen[pair]; ok {
			continue
		}
		seen[pair] = struct{}{}
		r := k.rulings[k.how.at(i)]
		for _, t := range []term{categoryTerm(r.category), actionTerm(r.action)} {
			out[t] = struct{}{}
			out[people[k.who.at(i)].and(t)] = struct{}{}
			out[devices[k.who.at(i)].and(t)] = struct{}{}
		}
	}
	return out
}

// terms are what a block must hold to have a row that fits.
func (f QueryFilter) terms() (out []term) {
	var who, how []term
	if f.Person != "" {
		who = append(who, personTerm(f.Person))
	}
	if !f.MAC.IsZero() {
		who = append(who, deviceTerm(f.MAC))
	}
	if f.Category != "" {
		how = append(how, categoryTerm(f.Category))
	}
	if f.Action != "" {
		how = append(how, actionTerm(f.Action))
	}
	for _, w := range who {
		for _, h := range how {
			out = append(out, w.and(h))
		}
	}
	if len(out) == 0 {
		out = append(who, how...)
	}
	if f.Name != "" {
		out = append(out, nameTerm(backwards(plainName(f.Name))))
	}
	return out
}

// bloom is a set of terms with room for errors: what it does not hold is not
// there; of what is not there it lets one in a hundred pass.
type bloom []byte

const (
	bitsPerTerm = 10
	probes      = 7
)

func newBloom(terms map[term]struct{}) bloom {
	b := make(bloom, 8*((len(terms)*bitsPerTerm+63)/64))
	for t := range terms {
		b.each(t, func(at uint64, bit byte) bool {
			b[at] |= bit
			return true
		})
	}
	return b
}

func (b bloom) has(t term) bool {
	if len(b) == 0 {
		return false
	}
	found := true
	b.each(t, func(at uint64, bit byte) bool {
		found = b[at]&bit != 0
		return found
	})
	return found
}

func (b bloom) hasAll(terms []term) bool {
	for _, t := range terms {
		if !b.has(t) {
			return false
		}
	}
	return true
}

// each visits the places of a term.
func (b bloom) each(t term, visit func(at uint64, bit byte) bool) {
	var h [8]byte
	binary.LittleEndian.PutUint64(h[:], uint64(t))
	one, two := uint64(t), uint64(termOf('2', string(h[:])))|1
	for i := range uint64(probes) {
		bit := (one + i*two) % uint64(8*len(b))
		if !visit(bit/8, 1<<(bit%8)) {
			return
		}
	}
}

// below reports whether a name (back to front) is of or below another.
func below(name, of []byte) bool {
	return bytes.HasPrefix(name, of) && (len(name) == len(of) || name[len(of)] == '.')
}

// plainName is a name as a person types it into a search, as it is stored.
func plainName(s string) string {
	return strings.ToLower(strings.Trim(strings.TrimSpace(s), "."))
}

// plainPart is a part of a name: a dot at its end means something.
func plainPart(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

package category

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"stairgate/config/identity"
)

// Source is one list to compile.
type Source struct {
	// ID is the short name people see, such as "ut1". The directory of a tree is
	// added to it: "ut1/adult".
	ID string
	// Category of its names; for a UT1 tree List.Directories says it instead.
	Category identity.Category
	List     List
	// Open opens the list. It may be called more than once.
	Open func() (io.ReadCloser, error)
}

// File opens a file, for Source.Open.
func File(path string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(path) }
}

// CompileOptions are for tests and tools; the zero value is right for a box.
type CompileOptions struct {
	// Seed of the hashes; zero takes a random one.
	Seed Seed
	// TempDir holds what does not fit in memory, about 20 bytes a name; "" is the
	// directory of the output.
	TempDir string

	// For tests: a bad hash, and up to how many names an entry is wide.
	keys func(Seed) keys
	wide int
}

// Compiled is what a compilation has to say.
type Compiled struct {
	Names      int   // different ones in the file
	Bytes      int64 // of the file
	Seed       Seed
	Reseeds    int // how often two names met in one hash and all began anew
	Categories map[identity.Category]int
	Sources    []SourceReport
	// NeverBlock are names the built-in table calls essential: they are left out.
	NeverBlock []Note
	// FalseHits is how likely a name that is on no list is taken for one that is, for
	// each suffix of it that is looked up.
	FalseHits float64
}

// SourceReport is the part of one source.
type SourceReport struct {
	ID     string
	Report Report
}

const maxReseeds = 8

// Compile reads the lists and writes one database in the place of out, in one step:
// whoever has the old file open keeps it. A list that is refused stops it, and the
// old file stays. Memory stays below some 64 MiB, whatever the size of the lists.
func Compile(out string, sources []Source, o CompileOptions) (Compiled, error) {
	if o.TempDir == "" {
		o.TempDir = filepath.Dir(out)
	}
	if o.keys == nil {
		o.keys = Seed.keys
	}
	if o.wide == 0 {
		o.wide = 4_000_000
	}
	for try := 0; ; try++ {
		seed := o.Seed
		if seed == (Seed{}) || try > 0 {
			var b [16]byte
			rand.Read(b[:]) // never fails
			seed = Seed{order.Uint64(b[:]), order.Uint64(b[8:])}
		}
		c, err := compile(out, sources, o, seed)
		if errors.Is(err, errMeet) && try < maxReseeds {
			continue
		}
		if err != nil {
			return Compiled{}, fmt.Errorf("compiling the lists: %w", err)
		}
		c.Reseeds = try
		return c, nil
	}
}

// compilation is one attempt to compile.
type compilation struct {
	tables
	first, second keys // two hashes, so that no two names are taken for one
	parts         *parts
	groupIDs      map[string]int
	single        map[claim]int // groupIDs of one claim, which most are
	names         map[identity.Category]int
	depths        [2]int // the fewest and the most labels of a name
	result        Compiled
}

func compile(out string, sources []Source, o CompileOptions, seed Seed) (Compiled, error) {
	parts, err := newParts(o.TempDir)
	if err != nil {
		return Compiled{}, err
	}
	defer parts.close()
	c := &compilation{
		first: o.keys(seed), second: Seed{seed[1], ^seed[0]}.keys(),
		depths: [2]int{maxLabels, 0},
		parts:  parts, groupIDs: make(map[string]int), single: make(map[claim]int), names: make(map[identity.Category]int),
	}
	c.result.Seed = seed
	for _, s := range sources {
		if err := c.source(s); err != nil {
			return Compiled{}, fmt.Errorf("list %s: %w", s.ID, err)
		}
	}
	merged, err := c.merge()
	if err != nil {
		return Compiled{}, err
	}
	h := header{seed: seed, minDepth: uint8(c.depths[0]), maxDepth: uint8(c.depths[1]), entries: uint64(merged), idBits: idBits(len(c.said))}
	h.entrySize = entrySize(merged, o.wide, h.idBits)
	small := c.encode()
	h.tables = uint32(len(small))
	h = h.layout()
	if h.entries > 1<<32-1 {
		return Compiled{}, fmt.Errorf("%d names are more than a database can hold: use fewer lists", merged)
	}
	if err := replace(out, func(f *os.File) error { return c.write(f, h, small) }); err != nil {
		return Compiled{}, err
	}
	c.result.Names, c.result.Bytes = merged, int64(h.size)
	c.result.Categories = c.names
	c.result.FalseHits = float64(h.entries) / float64(h.buckets) / float64(uint64(1)<<h.restBits())
	return c.result, nil
}

// idBits is how many bits count n groups.
func idBits(n int) uint8 {
	bits := uint8(1)
	for 1<<bits < n {
		bits++
	}
	return bits
}

// entrySize is six bytes where there is room. Above four million names it is five:
// then a name on no list is taken for a listed one with a probability of some 10⁻¹⁰
// for each of its suffixes instead of 10⁻¹², and five million names stay below 27 MB.
func entrySize(names, wide int, idBits uint8) uint8 {
	if names <= wide || 40-int(idBits) < minRestBits {
		return 6
	}
	return 5
}

// source reads one list into the parts.
func (c *compilation) source(s Source) error {
	r, err := s.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	numbers := make(map[string]int) // of the directories
	last, number := "\x00", 0
	report, err := s.List.Parse(r, func(l Listing) error {
		if l.Directory != last {
			n, ok := numbers[l.Directory]
			if !ok {
				if n, err = c.origin(s, l.Directory); err != nil {
					return err
				}
				numbers[l.Directory] = n
			}
			last, number = l.Directory, n
		}
		return c.listing(l, number)
	})
	c.result.Sources = append(c.result.Sources, SourceReport{s.ID, report})
	return err
}

func (c *compilation) origin(s Source, directory string) (int, error) {
	o := origin{name: s.ID, category: s.Category}
	if directory != "" {
		known := s.List.Directories
		if known == nil {
			known = ut1Directories
		}
		o = origin{name: s.ID + "/" + directory, category: known[directory]}
	}
	if o.set = SetOf(o.category); o.set == 0 {
		return 0, fmt.Errorf("there is no category %q", o.category)
	}
	if len(c.origins) == maxSources {
		return 0, fmt.Errorf("there are more than %d lists: use fewer", maxSources)
	}
	c.origins = append(c.origins, o)
	return len(c.origins) - 1, nil
}

// listing adds one line of a list.
func (c *compilation) listing(l Listing, origin int) error {
	if !l.Exception && c.origins[origin].set != illegalSet {
		if _, essential := Builtin().lookup(l.Name); essential {
			note(&c.result.NeverBlock, skipNeverBlock, l.Name)
			return nil
		}
	}
	var s split
	s.name(l.Name)
	a, b := c.first.start, c.second.start
	for i := s.labels - 1; i >= 0; i-- {
		start, end := int(s.starts[i]), int(s.starts[i+1])-1
		a = c.first.label(a, &s.buf, start, end)
		b = c.second.label(b, &s.buf, start, end)
	}
	said := claim(origin) << claimShift
	for _, f := range []struct {
		set bool
		bit claim
	}{{l.Exact, claimExact}, {l.Exception, claimException}, {l.Important, claimImportant}, {l.Cancelled, claimCancel}} {
		if f.set {
			said |= f.bit
		}
	}
	c.depths = [2]int{min(c.depths[0], s.labels), max(c.depths[1], s.labels)}
	return c.parts.add(row{a, b, said})
}

// group is the number of what some claims say together, sorted and without doubles.
func (c *compilation) group(claims []claim) (int, error) {
	if len(claims) == 1 {
		if id, ok := c.single[claims[0]]; ok {
			return id, nil
		}
	}
	key := make([]byte, 0, 64)
	for _, v := range claims {
		key = binary.LittleEndian.AppendUint16(key, uint16(v))
	}
	id, ok := c.groupIDs[string(key)]
	if !ok {
		if id = len(c.said); id == 1<<maxIDBits {
			return 0, errors.New("the lists overlap in too many ways: use fewer lists")
		}
		c.said = append(c.said, c.tables.group(append([]claim(nil), claims...)))
		c.groupIDs[string(key)] = id
	}
	if len(claims) == 1 {
		c.single[claims[0]] = id
	}
	return id, nil
}

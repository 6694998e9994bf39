package category

import (
	"errors"
	"fmt"
	"hash/crc32"
	"runtime"

	"stairgate/config/identity"
)

// DB is a Database in a compiled file.
type DB struct {
	header
	tables
	keys
	path   string
	mapped []byte // nil when it is in memory of the program

	blocks  []byte
	entries []byte
	shift   uint
	idMask  uint64
	mask    uint64
}

// Open maps a compiled file into memory. It reads the header and the table of lists
// and nothing else; Verify reads it all.
func Open(path string) (*DB, error) {
	b, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("opening the names of the lists: %w", err)
	}
	db, err := newDB(b)
	if err != nil {
		unmap(b)
		return nil, fmt.Errorf("opening the names of the lists in %s: %w", path, err)
	}
	db.path, db.mapped = path, b
	// Whoever looks something up holds db; the file goes when nobody does.
	runtime.AddCleanup(db, unmap, b)
	return db, nil
}

// release gives the memory of the file back, for a DB that is hardly used any more.
// Whoever still looks something up in it brings the pages in question back: what is
// mapped is the same as before.
func (db *DB) release() {
	if db.mapped != nil {
		dontNeed(db.mapped)
	}
	runtime.KeepAlive(db)
}

// newDB makes a DB of the bytes of a file.
func newDB(b []byte) (*DB, error) {
	db := new(DB)
	if err := db.decode(b); err != nil {
		return nil, err
	}
	small := b[headerSize:][:db.header.tables]
	if crc32.Checksum(small, castagnoli) != db.tablesCRC {
		return nil, errTables
	}
	t, err := decodeTables(small)
	if err != nil {
		return nil, err
	}
	db.tables = *t
	db.blocks = b[db.header.blocks:db.names]
	db.entries = b[db.names:]
	db.keys = db.seed.keys()
	db.shift = 64 - uint(db.restBits())
	db.idMask = 1<<db.idBits - 1
	db.mask = 1<<(8*db.entrySize) - 1
	return db, nil
}

// nothing is a database without a name.
func nothing() *DB {
	t := new(tables)
	small := t.encode()
	h := header{entrySize: 6, idBits: 1, tables: uint32(len(small)), tablesCRC: crc32.Checksum(small, castagnoli)}
	h = h.layout()
	b := make([]byte, h.size)
	copy(b, h.encode())
	copy(b[headerSize:], small)
	db, err := newDB(b)
	if err != nil {
		panic(err) // there is nothing in it that could be wrong
	}
	return db
}

// Verify reads the whole file and compares it with its checksum.
func (db *DB) Verify() error {
	defer runtime.KeepAlive(db)
	if crc32.Checksum(db.blocks, castagnoli) != db.blocksCRC || crc32.Checksum(db.entries, castagnoli) != db.namesCRC {
		return errors.New("the names in the file are damaged: compile the lists again")
	}
	return nil
}

// Path is the file db was opened from.
func (db *DB) Path() string { return db.path }

// Len is the number of names.
func (db *DB) Len() int { return int(db.header.entries) }

// Size is the number of bytes of the file.
func (db *DB) Size() int64 { return int64(db.size) }

// Categories lists the categories the database has names for, in the order of the
// sources; one this program does not know is in no Set.
func (db *DB) Categories() []identity.Category {
	var out []identity.Category
	seen := make(map[identity.Category]bool)
	for _, o := range db.origins {
		if !seen[o.category] {
			seen[o.category] = true
			out = append(out, o.category)
		}
	}
	return out
}

// Lookup implements Database.
func (db *DB) Lookup(name string) Set {
	var w walk
	w.name(name)
	set, _ := db.lookup(&w, nil)
	return set
}

// LookupWire is Lookup for an uncompressed name in wire form, in lower case. What is
// no such name is in no category.
func (db *DB) LookupWire(wire []byte) Set {
	var w walk
	if !w.wire(wire) {
		return 0
	}
	set, _ := db.lookup(&w, nil)
	return set
}

// lookup asks a table in the same hashes at the same time, if there is one.
func (db *DB) lookup(w *walk, own *overlay) (Set, opinion) {
	var set Set
	weighed := false
	w.begin(db, own)
	for w.next() {
		for _, f := range w.found[:w.n] {
			g := &db.said[f.id]
			weighed = weighed || g.weighed
			if w.whole(int(f.label)) {
				set |= g.exact
			} else {
				set |= g.below
			}
		}
	}
	v := w.opinion
	if weighed {
		set = db.weigh(w)
	}
	runtime.KeepAlive(db)
	return set, v
}

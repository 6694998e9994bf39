package records

import (
	"net/netip"
	"strings"
	"time"

	"stairgate/config/identity"
)

// Query is one row of the query log: who asked for which name and what came of
// it. It holds names, never addresses of pages: that is all DNS sees.
type Query struct {
	Time     time.Time // kept to the microsecond
	MAC      identity.MAC
	Device   string // name of the device at that time
	Person   string // full name of who was signed in at that time
	Addr     netip.Addr
	Name     string // lower case, no final dot
	Type     string
	Action   string // "allow", "block", "local", "refuse", "error"
	Category string
	Rule     string
	List     string // which list put the name in its category
}

// How rows are put together: each batch is a block at first (level 0); many small
// blocks become a middle one, and those become whole ones, which stay. So a row is
// written three times at most, always with its neighbours, and nothing else is
// touched: a storage card wears by the page.
const (
	wholeRows   = 16_384 // of a whole block: half an hour of a school
	smallBlocks = 64     // this many are put together
	middleLevel = 1
	wholeLevel  = 2
)

// LogQueries stores a batch in one transaction. It may wait for the disk: call
// it from a goroutine that nothing else waits for.
func (db *DB) LogQueries(batch []Query) error {
	if len(batch) == 0 {
		return nil
	}
	q := &db.queries
	paused := q.paused()
	if paused == nil && nearlyFull(q.path) {
		paused = errNearlyFull
	}
	if paused != nil {
		err := &writeError{"storing the query log", paused}
		q.health.report("queries", querySentence(err))
		return err
	}
	rows := make([]Query, len(batch))
	for i, row := range batch {
		rows[i] = row.cleaned()
	}
	return q.write("storing the query log", func(f *file) error {
		for part := rows; len(part) > 0; {
			n := min(len(part), wholeRows)
			if err := f.addBlock(0, part[:n]); err != nil {
				return err
			}
			part = part[n:]
		}
		return f.putTogether()
	})
}

// cleaned is the row as it is kept: what a device sent may be anything.
func (q Query) cleaned() Query {
	q.Device, q.Person = label(q.Device, maxName), label(q.Person, maxName)
	q.Name = strings.ToLower(strings.TrimSuffix(label(q.Name, 255), "."))
	q.Type, q.Action, q.Category = label(q.Type, 16), label(q.Action, 16), label(q.Category, 64)
	q.Rule, q.List = label(q.Rule, 300), label(q.List, 300)
	return q
}

// addBlock stores rows, in any order, as one block.
func (f *file) addBlock(level int, rows []Query) error {
	b := encodeBlock(rows)
	var k block
	if err := k.read(b); err != nil {
		return err
	}
	first, last := micros(rows[0].Time), micros(rows[len(rows)-1].Time)
	var id int64
	if err := f.row(`INSERT INTO blocks (level, rows, first, last) VALUES (?, ?, ?, ?) RETURNING id`, level, len(rows), first, last).Scan(&id); err != nil {
		return err
	}
	return f.fillBlock(id, &k, b)
}

// filterFrom is how many rows a block must have for a filter: a smaller one is
// read as quickly, and a page less is written.
const filterFrom = 4096

// fillBlock stores what stands in a block, and the filter over it.
func (f *file) fillBlock(id int64, k *block, b []byte) error {
	if k.rows >= filterFrom {
		if _, err := f.exec(`INSERT OR REPLACE INTO filters (block, bits) VALUES (?, ?)`, id, []byte(newBloom(termsOf(k)))); err != nil {
			return err
		}
	} else if _, err := f.exec(`DELETE FROM filters WHERE block = ?`, id); err != nil {
		return err
	}
	_, err := f.exec(`INSERT OR REPLACE INTO data (block, bytes) VALUES (?, ?)`, id, b)
	return err
}

// putTogether makes fewer and larger blocks of many small ones.
func (f *file) putTogether() error {
	for level := range wholeLevel {
		var n, rows int64
		if err := f.row(`SELECT count(*), coalesce(sum(rows), 0) FROM blocks WHERE level = ?`, level).Scan(&n, &rows); err != nil {
			return err
		}
		if n < smallBlocks && rows < wholeRows {
			continue
		}
		if err := f.merge(level); err != nil {
			return err
		}
	}
	return nil
}

// merge puts the rows of all blocks of a level into blocks of the next.
func (f *file) merge(level int) error {
	var rows []Query
	var k block
	ids, err := f.writerIDs(`SELECT id FROM blocks WHERE level = ? ORDER BY id`, level)
	if err != nil {
		return err
	}
	for _, id := range ids {
		var b []byte
		if err := f.row(`SELECT bytes FROM data WHERE block = ?`, id).Scan(&b); err != nil {
			return err
		}
		// A damaged one cannot be read by anybody any more.
		if err := k.read(b); err == nil {
			if rows, err = k.all(rows, nil); err != nil {
				return err
			}
		}
	}
	for to := level + 1; len(rows) > 0; to = middleLevel {
		n := min(len(rows), wholeRows)
		if n == wholeRows {
			to = wholeLevel
		}
		if err := f.addBlock(to, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	// Only now: a number is one more than the largest there is, and what is put
	// together must stand behind what it was made of (expunge relies on it).
	for _, id := range ids {
		if err := f.removeBlock(id); err != nil {
			return err
		}
	}
	return nil
}

func (f *file) removeBlock(id int64) error {
	for _, s := range []string{`DELETE FROM blocks WHERE id = ?`, `DELETE FROM filters WHERE block = ?`, `DELETE FROM data WHERE block = ?`} {
		if _, err := f.exec(s, id); err != nil {
			return err
		}
	}
	return nil
}

// writerIDs reads numbers of blocks on the writer's connection, which alone sees
// what its transaction has done.
func (f *file) writerIDs(query string, args ...any) (ids []int64, err error) {
	err = f.all(func(s scanner) error {
		var id int64
		err := s.Scan(&id)
		ids = append(ids, id)
		return err
	}, query, args...)
	return ids, err
}

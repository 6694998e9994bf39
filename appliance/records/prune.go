package records

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

// QueryLimits bound the query log. Whichever is reached first counts.
type QueryLimits struct {
	Days  int   // no row is older than this many times 24 hours; at least 1
	Rows  int64 // 0: none is kept
	Bytes int64 // of the file, about; 0: as many as the rows need
}

// PruneQueries forgets the rows that are older than the limits allow, to the
// microsecond, then the oldest ones over the number of rows, then whole blocks,
// oldest first, while the file is too large. It works in short transactions and
// returns how many rows went. Call it at least hourly, and when the limits change.
func (db *DB) PruneQueries(now time.Time, l QueryLimits) (removed int64, err error) {
	q := &db.queries
	if err := q.adopt(); err != nil {
		return 0, err
	}
	oldest := l.cutoff(now)
	for {
		var n int64
		err := q.write("forgetting old queries", func(f *file) (err error) {
			n, err = f.pruneStep(micros(oldest), l)
			return err
		})
		removed += n
		if err != nil {
			return removed, err
		}
		if n == 0 {
			break
		}
	}
	q.forgetOldAsides(oldest)
	return removed, errors.Join(q.shrink(), q.recover())
}

// pruneStep removes one block, or a part of one; 0: nothing is left to remove.
func (f *file) pruneStep(oldest int64, l QueryLimits) (int64, error) {
	var total, bytes int64
	if err := f.row(`SELECT coalesce(sum(rows), 0) FROM blocks`).Scan(&total); err != nil || total == 0 {
		return 0, err
	}
	if err := f.row(`SELECT (p.page_count - n.freelist_count) * s.page_size FROM pragma_page_count AS p, pragma_freelist_count AS n, pragma_page_size AS s`).Scan(&bytes); err != nil {
		return 0, err
	}
	// The oldest row may stand in a block whose newest is young: a clock that was
	// wrong at the start makes such.
	var b span
	if err := f.row(`SELECT id, rows, first, last FROM blocks ORDER BY first, id LIMIT 1`).Scan(&b.id, &b.rows, &b.first, &b.last); err != nil {
		return 0, err
	}
	over := total - max(l.Rows, 0)
	switch {
	case b.last < oldest, over >= int64(b.rows), l.Bytes > 0 && bytes > l.Bytes:
		return int64(b.rows), f.removeBlock(b.id)
	case b.first < oldest:
		return f.sieve(b.id, func(q Query) bool { return micros(q.Time) >= oldest })
	case over > 0:
		return f.sieve(b.id, func(Query) bool {
			over--
			return over < 0
		})
	}
	return 0, nil
}

// sieve keeps of a block only the rows that keep lets pass, and says how many
// went. Its place in the order of arrival stays. A damaged block goes whole.
func (f *file) sieve(id int64, keep func(Query) bool) (removed int64, err error) {
	var before int64
	if err := f.row(`SELECT rows FROM blocks WHERE id = ?`, id).Scan(&before); err != nil {
		return 0, err
	}
	var b []byte
	if err := f.row(`SELECT bytes FROM data WHERE block = ?`, id).Scan(&b); err != nil {
		return 0, err
	}
	var k block
	var rows []Query
	if k.read(b) == nil {
		rows, err = k.all(nil, keep)
	}
	if err != nil || len(rows) == 0 {
		return before, f.removeBlock(id)
	}
	if removed = before - int64(len(rows)); removed == 0 {
		return 0, nil
	}
	b = encodeBlock(rows)
	if err := k.read(b); err != nil {
		return 0, err
	}
	if _, err := f.exec(`UPDATE blocks SET rows = ?, first = ?, last = ? WHERE id = ?`, len(rows), micros(rows[0].Time), micros(rows[len(rows)-1].Time), id); err != nil {
		return 0, err
	}
	return removed, f.fillBlock(id, &k, b)
}

// forgetOldAsides removes logs that were set aside before a time: nobody can
// search them, and no retention would ever reach what they hold.
func (q *queryLog) forgetOldAsides(before time.Time) {
	old, _ := filepath.Glob(q.path + ".*") // the pattern is sound
	for _, name := range old {
		if st, err := os.Lstat(name); err == nil && st.ModTime().Before(before) {
			_ = removeAll(name) // tried again at the next pruning
		}
	}
}

// recover takes back what was said about a damaged block when it is gone.
func (q *queryLog) recover() error {
	id := q.spoilt.Load()
	if id == 0 {
		return nil
	}
	q.swap.RLock()
	defer q.swap.RUnlock()
	if q.file == nil {
		return errNoLog
	}
	var there bool
	if err := q.file.readRow(`SELECT EXISTS (SELECT 1 FROM blocks WHERE id = ?)`, id).Scan(&there); err != nil {
		return reading("the query log", err)
	}
	if !there && q.spoilt.CompareAndSwap(id, 0) {
		q.health.report("queries.block", "")
	}
	return nil
}

// shrink gives pages that are empty back to the disk, a few at a time.
func (q *queryLog) shrink() error {
	for {
		var before, after int64
		err := q.write("giving disk space back", func(f *file) error {
			if err := f.row(`PRAGMA freelist_count`).Scan(&before); err != nil || before == 0 {
				return err
			}
			if _, err := f.exec(`PRAGMA incremental_vacuum(1000)`); err != nil {
				return err
			}
			return f.row(`PRAGMA freelist_count`).Scan(&after)
		})
		switch {
		case err != nil:
			return err
		case before == 0:
			return nil
		case after == 0 || after >= before:
			// Only a checkpoint makes the file itself shorter.
			return q.checkpoint()
		}
	}
}

// checkpoint moves what was written from the write-ahead log into the file.
func (q *queryLog) checkpoint() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.swap.RLock()
	defer q.swap.RUnlock()
	if q.file == nil {
		return errClosed
	}
	if _, err := q.file.exec(`PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return &writeError{"giving disk space back", err}
	}
	return nil
}

const (
	keepSessions = 400 // days
	keepUnknown  = 90  // days
)

// Prune forgets sessions and unknown devices whose time is over. Call it daily.
func (db *DB) Prune(now time.Time) error {
	return db.write(protecting, "forgetting old sessions", func(t *tx) error {
		if _, err := t.exec(`DELETE FROM sessions WHERE started < ? AND until < ?1`, micros(now.AddDate(0, 0, -keepSessions))); err != nil {
			return err
		}
		if err := t.pruneUnblocks(now.AddDate(0, 0, -keepSessions)); err != nil {
			return err
		}
		_, err := t.exec(`DELETE FROM devices WHERE state = 'waiting' AND last_seen < ? AND NOT EXISTS (SELECT 1 FROM signatures AS s WHERE s.mac = devices.mac)`,
			micros(now.AddDate(0, 0, -keepUnknown)))
		return err
	})
}

package records

import (
	"fmt"
	"time"
)

// pruneChunk is how many lines one transaction removes at most: the log's
// writer waits no longer than that.
const pruneChunk = 5000

// PruneQueries forgets the days older than keepDays, then the oldest lines over
// maxRows, in short transactions. It returns how many lines went. Call it at
// least daily.
func (db *DB) PruneQueries(now time.Time, keepDays int, maxRows int64) (removed int64, err error) {
	q := &db.queries
	oldest := dayOf(now.AddDate(0, 0, -max(keepDays, 1)))
	for {
		var n int64
		err := q.write("forgetting old queries", func(f *file) (err error) {
			n, err = f.pruneStep(oldest, max(maxRows, 0))
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
	return removed, q.shrink()
}

// pruneStep removes one day, or one chunk of one; 0: nothing is left to remove.
func (f *file) pruneStep(oldest int, maxRows int64) (int64, error) {
	var day int
	var rows, total int64
	err := f.row(`SELECT coalesce(min(day), 0), coalesce(sum(rows), 0) FROM days`).Scan(&day, &total)
	if err != nil || day == 0 {
		return 0, err
	}
	if err := f.row(`SELECT rows FROM days WHERE day = ?`, day).Scan(&rows); err != nil {
		return 0, err
	}
	over := total - maxRows
	switch {
	case day < oldest, over >= rows:
		return rows, f.dropDay(day)
	case over > 0:
		n := min(over, pruneChunk)
		if _, err := f.exec(`DELETE FROM `+tableOf(day)+` WHERE id IN (SELECT id FROM `+tableOf(day)+` ORDER BY id LIMIT ?)`, n); err != nil {
			return 0, err
		}
		_, err := f.exec(`UPDATE days SET rows = rows - ? WHERE day = ?`, n, day)
		return n, err
	}
	return 0, nil
}

// dropDay forgets a whole day at once.
func (f *file) dropDay(day int) error {
	if _, err := f.exec(fmt.Sprintf(`DROP TABLE IF EXISTS %s`, tableOf(day))); err != nil {
		return err
	}
	_, err := f.exec(`DELETE FROM days WHERE day = ?`, day)
	return err
}

// shrink gives pages that days left empty back to the disk, a few at a time.
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
		_, err := t.exec(`DELETE FROM devices WHERE state = 'waiting' AND last_seen < ? AND NOT EXISTS (SELECT 1 FROM signatures AS s WHERE s.mac = devices.mac)`,
			micros(now.AddDate(0, 0, -keepUnknown)))
		return err
	})
}

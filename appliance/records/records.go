package records

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// DB is the school's records: two files in one directory.
type DB struct {
	dir  string
	card string // where the records belong, when dir is a copy in memory; else empty
	now  func() time.Time

	mu      sync.Mutex // one write at a time; guards reserve and closed
	file    *file      // records.db
	reserve reserve
	closed  bool

	anchor  anchor
	seen    seenCache
	queries queryLog // queries.db
	lock    *os.File
	health  problems
}

// Open opens the records in dir, making what is missing. A damaged file is set
// aside under a name that carries the time, a fresh one takes its place, and
// the sentence about it is among the alarms. An error means that there are no
// records at all: the disk is unwritable, or another process holds them.
//
// now should tell the time in the school's time zone: "today" in an anti-virus
// check is the school's.
func Open(dir string, now func() time.Time) (*DB, []string, error) {
	return open(dir, now, migrations())
}

func open(dir string, now func() time.Time, m schemas) (*DB, []string, error) {
	return openIn(dir, now, m, "")
}

func openIn(dir string, now func() time.Time, m schemas, card string) (_ *DB, alarms []string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("making the records directory: %w", err)
	}
	db := &DB{dir: dir, card: card, now: now}
	if db.lock, err = lockDir(dir); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	db.reserve.path = filepath.Join(dir, "reserve")
	db.anchor.path = filepath.Join(dir, "audit.head")

	opened, err := db.openRecords(m.records)
	if err != nil {
		return nil, nil, err
	}
	alarms = append(alarms, opened...)
	if err := db.endBeforeStop(); err != nil {
		alarms = append(alarms, Sentence(err))
	}

	db.queries = queryLog{path: filepath.Join(dir, "queries.db"), steps: m.queries, now: now, health: &db.health, paused: db.queriesPaused}
	alarms = append(alarms, db.queries.start()...)

	if err := db.reserve.restore(); err != nil {
		alarms = append(alarms, Sentence(&writeError{"keeping the reserve", err}))
	}
	return db, alarms, nil
}

// Close closes both files. What was acknowledged is on the disk already.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	var errs []error
	errs = append(errs, db.queries.close())
	if db.file != nil && !db.closed {
		errs = append(errs, db.file.close())
	}
	db.closed = true
	if db.lock != nil {
		db.reserve.close()
		// In so many words: a child that is just being started may hold a copy.
		errs = append(errs, unix.Flock(int(db.lock.Fd()), unix.LOCK_UN), db.lock.Close())
		db.lock = nil
	}
	return errors.Join(errs...)
}

// queriesPaused says why the query log takes no rows now; nil: it does.
func (db *DB) queriesPaused() error {
	switch {
	case db.OnCopy():
		return errNoCard // memory is not there to be filled with it
	case db.reserve.spent():
		return errNearlyFull
	}
	return nil
}

// Writable reports whether a record can be written now: it writes one and has
// it synced. The error's Sentence says what to do. Call it every minute: it also
// puts the reserve back when there is room again, and moves what was written
// from the write-ahead log into the file, so that one bad spot in the log can
// never cost more than that minute.
func (db *DB) Writable() error {
	const doing = "probing the records"
	err := db.write(admitting, doing, func(t *tx) error {
		_, err := t.exec(`INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at`, micros(t.now))
		return err
	})
	if err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return &writeError{doing, errClosed}
	}
	if _, err := db.file.exec(`PRAGMA wal_checkpoint(PASSIVE)`); err != nil {
		return db.failed(doing, err)
	}
	return nil
}

// CopyTo writes a whole copy of records.db to a file, replacing it. Nothing is
// written meanwhile.
func (db *DB) CopyTo(dst string) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return errClosed
	}
	return db.file.copyTo(dst)
}

// Problems says what is wrong with the records now, as health sentences by key;
// a problem that is over is no longer in it. It costs nothing: it tells what the
// last write of each kind found.
func (db *DB) Problems() map[string]string { return db.health.list() }

// problems holds the present ill health by key.
type problems struct {
	mu sync.Mutex
	m  map[string]string
}

func (p *problems) report(key, sentence string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sentence == "" {
		delete(p.m, key)
		return
	}
	if p.m == nil {
		p.m = make(map[string]string)
	}
	p.m[key] = sentence
}

func (p *problems) list() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]string, len(p.m))
	for k, v := range p.m {
		out[k] = v
	}
	return out
}

// micros is how a time is stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// timeOf is the time of a stored number.
func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

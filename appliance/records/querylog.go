package records

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// queryLog is queries.db: apart from the records, so that whatever becomes of
// it stops nobody from being let in.
type queryLog struct {
	path   string
	steps  []string
	now    func() time.Time
	health *problems
	paused func() error // the room left is the records'

	mu   sync.Mutex   // one write at a time
	swap sync.RWMutex // held for reading while file is used
	file *file        // nil: cannot be opened
	shut bool

	spoilt atomic.Int64 // a block met that cannot be read
}

func (q *queryLog) opening() opening {
	return opening{
		path: q.path, synchronous: "NORMAL", id: queriesID, steps: q.steps,
		// A log of months is gigabytes: reading it through would hold the boot up.
		// Damage deep inside is found when it is met, and handled the same way.
		checkUpTo: 64 << 20,
		// And no copy from before a migration: it would be kept for longer than its
		// rows may be.
		vacuum: "INCREMENTAL", room: func() bool { return false }, now: q.now,
	}
}

// start opens the log; what went wrong is an alarm, never an error.
func (q *queryLog) start() (alarms []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	alarm, err := q.reopen()
	if alarm != "" {
		alarms = append(alarms, alarm)
	}
	if err != nil {
		alarms = append(alarms, querySentence(err))
	}
	return alarms
}

// reopen opens the file again, setting it aside when it is damaged.
func (q *queryLog) reopen() (alarm string, err error) {
	q.swap.Lock()
	defer q.swap.Unlock()
	if q.shut {
		return "", errClosed
	}
	if q.file != nil {
		_ = q.file.close() // damaged: its complaints are known
		q.file = nil
	}
	f, out, err := q.opening().open()
	if out.aside != "" {
		alarm = "The query log was damaged or from a newer version (" + reasonWords(out.reason) + ") and has been set aside as " + out.aside +
			". A new one has begun. Nothing else is affected."
		q.forgetAside(out.aside)
	}
	if err != nil {
		q.health.report("queries", querySentence(err))
		return alarm, err
	}
	q.file = f
	return alarm, nil
}

// forgetAside removes the logs set aside before this one: they hold personal
// data that no retention would ever reach.
func (q *queryLog) forgetAside(keep string) {
	old, _ := filepath.Glob(q.path + ".*")
	for _, name := range old {
		if base := filepath.Base(name); !strings.HasPrefix(base, keep) {
			_ = removeAll(name)
		}
	}
}

func (q *queryLog) close() error {
	q.swap.Lock()
	defer q.swap.Unlock()
	q.shut = true
	if q.file == nil {
		return nil
	}
	err := q.file.close()
	q.file = nil
	return err
}

// write runs f in one transaction. A log found damaged is set aside and f runs
// once more on a new one.
func (q *queryLog) write(doing string, f func(*file) error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	err := q.attempt(f)
	if isCorrupt(err) {
		// In the state of a damaged file nothing else can be done with it, so
		// that it must be moved before it is opened again.
		alarm, rerr := q.replace(err)
		if alarm != "" {
			q.health.report("queries.damaged", alarm)
		}
		if rerr == nil {
			err = q.attempt(f)
		}
	}
	if err != nil {
		err = &writeError{doing, err}
		q.health.report("queries", querySentence(err))
		return err
	}
	q.health.report("queries", "")
	return nil
}

func (q *queryLog) attempt(f func(*file) error) error {
	q.swap.RLock()
	missing := q.file == nil
	q.swap.RUnlock()
	if missing {
		if _, err := q.reopen(); err != nil {
			return err
		}
	}
	q.swap.RLock()
	defer q.swap.RUnlock()
	if q.file == nil {
		return errClosed
	}
	return q.file.transact(func() error { return f(q.file) })
}

// replace moves a file that turned out damaged out of the way and opens a new one.
func (q *queryLog) replace(reason error) (alarm string, err error) {
	q.swap.Lock()
	if q.file != nil {
		_ = q.file.close()
		q.file = nil
	}
	aside, err := q.opening().setAside(reason)
	q.swap.Unlock()
	if err != nil {
		return "", fmt.Errorf("setting the query log aside: %w", err)
	}
	q.forgetAside(aside)
	_, err = q.reopen()
	return "The query log was damaged (" + reason.Error() + ") and has been set aside as " + aside + ". A new one has begun. Nothing else is affected.", err
}

// querySentence is what to tell people about a failure of the query log.
func querySentence(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errNoCard):
		return "The storage card cannot be written, so what is looked up now is not on record, and what was cannot be searched until the card is mended or replaced."
	case isFull(err):
		return "The query log is paused because the box's storage is nearly full. Shorten how long it is kept, or delete old files. Nothing else is affected yet."
	}
	return "The query log cannot be written, so what is looked up now is not on record. Nothing else is affected. If it stays so, restart the box."
}

var errNearlyFull = fmt.Errorf("the disk is nearly full: %w", unix.ENOSPC)

// nearlyFull reports whether the disk has no more than the room that the query
// log leaves to the records: 32 MiB, or a quarter of a small disk.
func nearlyFull(path string) bool {
	var st unix.Statfs_t
	if unix.Statfs(filepath.Dir(path), &st) != nil {
		return false // then writing will say what is wrong
	}
	size := uint64(st.Bsize)
	return st.Bavail*size < min(32<<20, st.Blocks*size/4)
}

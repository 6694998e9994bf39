package records

import (
	"errors"
	"time"
)

// urgency says whether a write may use the reserve when the disk is full.
type urgency int

const (
	// admitting writes let somebody or something new in. On a full disk they
	// fail, and they never touch the reserve.
	admitting urgency = iota
	// protecting writes take somebody out, keep the network of those who are
	// in alive, or let the technician in to mend the box.
	protecting
)

// tx is one transaction of records.db: exec and row of its file.
type tx struct {
	*file
	now  time.Time
	head Event // last event this transaction appended; Seq 0: none
}

// write runs f in one transaction and returns when it is durable. A Refusal of
// f comes back as it is; every other failure is ErrNotWritten. f may run twice.
func (db *DB) write(u urgency, doing string, f func(*tx) error) error {
	head, err := db.writeLocked(u, doing, f)
	if err == nil && head.Seq != 0 {
		// Outside the lock: the chain is durable, its anchor follows.
		db.health.report("anchor", anchorSentence(db.anchor.advance(head)))
	}
	return err
}

func (db *DB) writeLocked(u urgency, doing string, f func(*tx) error) (Event, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return Event{}, &writeError{doing, errClosed}
	}
	if u == admitting && db.OnCopy() {
		return Event{}, &writeError{doing, errNoCard}
	}
	if u == admitting {
		if err := db.reserve.restore(); err != nil {
			return Event{}, db.failed(doing, err)
		}
	}
	head, err := db.attempt(f)
	if u == protecting && isFull(err) && db.reserve.release() {
		head, err = db.attempt(f)
	}
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return Event{}, err
	case err != nil:
		return Event{}, db.failed(doing, err)
	}
	if db.reserve.held.Load() {
		db.health.report("write", "")
	}
	return head, nil
}

func (db *DB) failed(doing string, err error) error {
	err = &writeError{doing, err}
	db.health.report("write", Sentence(err))
	return err
}

func (db *DB) attempt(f func(*tx) error) (Event, error) {
	t := &tx{file: db.file, now: db.now()}
	err := db.file.transact(func() error { return f(t) })
	return t.head, err
}

var errClosed = errors.New("the records are closed")

package records

import (
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// The lock on guessing: ten wrong passwords within five minutes close the
// account's login for a quarter of an hour.
const (
	maxFailures   = 10
	failureWindow = 5 * time.Minute
	lockTime      = 15 * time.Minute
)

// LoginFailed counts a wrong password for name (also a name that has no
// account) from an address. A lockedUntil that is not zero says that the login
// of this name is now closed till then.
func (db *DB) LoginFailed(name, from string) (lockedUntil time.Time, err error) {
	name = label(name, 64)
	err = db.write(protecting, "counting a failed login", func(t *tx) error {
		lockedUntil, err = t.loginFailed(name, label(from, 64))
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	return lockedUntil, nil
}

func (t *tx) loginFailed(name, from string) (time.Time, error) {
	if _, err := t.exec(`DELETE FROM login_failures WHERE at <= ? OR at > ?`, micros(t.now.Add(-failureWindow)), micros(t.now.Add(clockSkew))); err != nil {
		return time.Time{}, err
	}
	until, err := lockOf(t, name, t.now)
	if err != nil || !until.IsZero() {
		return until, err // already closed: not an event for each further guess
	}
	if _, err := t.exec(`INSERT INTO login_failures (name, at) VALUES (?, ?)`, name, micros(t.now)); err != nil {
		return time.Time{}, err
	}
	var n int
	if err := t.row(`SELECT count(*) FROM login_failures WHERE name = ?`, name).Scan(&n); err != nil || n < maxFailures {
		return time.Time{}, err
	}
	until = timeOf(micros(t.now.Add(lockTime)))
	if _, err := t.exec(`DELETE FROM login_locks WHERE until <= ?`, micros(t.now)); err != nil {
		return time.Time{}, err
	}
	if _, err := t.exec(`INSERT INTO login_locks (name, until) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET until = excluded.until`, name, micros(until)); err != nil {
		return time.Time{}, err
	}
	if _, err := t.exec(`DELETE FROM login_failures WHERE name = ?`, name); err != nil {
		return time.Time{}, err
	}
	return until, t.event("box", "locked login", "account:"+name,
		fmt.Sprintf("%d wrong passwords within %d minutes, the last from %s", maxFailures, int(failureWindow.Minutes()), from))
}

// LoginSucceeded forgets the wrong passwords and records the login.
func (db *DB) LoginSucceeded(name, from string) error {
	name = label(name, 64)
	return db.write(protecting, "recording a login", func(t *tx) error {
		for _, forget := range []string{`DELETE FROM login_failures WHERE name = ?`, `DELETE FROM login_locks WHERE name = ?`} {
			if _, err := t.exec(forget, name); err != nil {
				return err
			}
		}
		return t.event(name, "signed in to the admin pages", "account:"+name, "from "+label(from, 64))
	})
}

// LockedUntil says till when the login of name is closed; zero: it is open. Ask
// before looking at the password.
func (db *DB) LockedUntil(name string) (time.Time, error) {
	until, err := lockOf(reader{db.file}, label(name, 64), db.now())
	return until, reading("the login locks", err)
}

// rower runs a query of one row, on the writer or on a reader.
type rower interface {
	row(query string, args ...any) scanner
}

type reader struct{ f *file }

func (r reader) row(query string, args ...any) scanner { return r.f.readRow(query, args...) }

func lockOf(r rower, name string, now time.Time) (time.Time, error) {
	var until int64
	// A lock never lasts longer than lockTime from now: the clock was put back.
	err := r.row(`SELECT until FROM login_locks WHERE name = ? AND until > ? AND until <= ?`,
		name, micros(now), micros(now.Add(lockTime+clockSkew))).Scan(&until)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return timeOf(until), err
}

package records

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"stairgate/config/identity"
)

// Unblock is an opening for a while with what became of it.
type Unblock struct {
	identity.Unblock
	EndedAt time.Time // zero: ran to its end, or still runs
	EndedBy string
}

const (
	// MaxUnblock is how long an opening lasts at most: a working day. What is
	// needed longer is a rule, with a review.
	MaxUnblock = 8 * time.Hour
	// maxLiveUnblocks bounds how many run at once, not counting those of GoOn.
	maxLiveUnblocks = 200
)

// The refusals of openings.
var (
	ErrUnblockWhat   = &Refusal{"unblock-what", "Say what is to be opened: the name of one site, or one category."}
	ErrUnblockWhom   = &Refusal{"unblock-whom", "Choose whom it is opened for: one person or one device."}
	ErrUnblockReason = &Refusal{"reason-missing", "Say why it is opened: the reason is kept on file (at most 1,000 letters)."}
	ErrUnblockLong   = &Refusal{"unblock-long", "An opening lasts from one minute to eight hours. What is needed for longer is a rule."}
	ErrUnblockLocked = &Refusal{"unblock-locked", "This category is locked: it is blocked for everybody, and nothing opens it."}
	ErrUnblockMany   = &Refusal{"unblock-many", "Too many openings run at the moment. End some of them first."}
	ErrNoUnblock     = &Refusal{"no-unblock", "This opening is over already."}
)

const unblockColumns = `SELECT id, name, category, mac, person, started, until, reason, author, warned, ended_at, ended_by FROM unblocks `

// runningUnblocks picks those that run; its parameters are the time and the latest
// that one may have begun.
const runningUnblocks = `WHERE ended_at = 0 AND until > ? AND started <= ? ORDER BY id`

func scanUnblock(s scanner) (u Unblock, err error) {
	var category, mac string
	var started, until, ended int64
	if err := s.Scan(&u.ID, &u.Name, &category, &mac, &u.Person, &started, &until, &u.Reason, &u.Author, &u.Warned, &ended, &u.EndedBy); err != nil {
		return Unblock{}, err
	}
	u.Category = identity.Category(category)
	u.From, u.Until, u.EndedAt = timeOf(started), timeOf(until), timeOf(ended)
	if mac != "" {
		u.Device, err = identity.ParseMAC(mac)
	}
	return u, err
}

// Unblock opens a name or a category for one person or one device, from now for
// the length of d. Only the categories are looked at here; that a name lies in a
// locked one is the filter's to say, which opens none of these for anybody.
func (db *DB) Unblock(actor string, u identity.Unblock, d time.Duration) (identity.Unblock, error) {
	u.Warned, u.Author = false, actor
	u, err := checkUnblock(u, d)
	if err != nil {
		return identity.Unblock{}, err
	}
	err = db.write(admitting, "recording an opening", func(t *tx) error {
		// A box without a battery clock may wake in the past: an opening from
		// before it does not count as one that runs.
		var live int
		if err := t.row(`SELECT count(*) FROM unblocks WHERE NOT warned AND ended_at = 0 AND until > ? AND started <= ?`, micros(t.now), micros(t.now.Add(clockSkew))).Scan(&live); err != nil {
			return err
		}
		if live >= maxLiveUnblocks {
			return ErrUnblockMany
		}
		if err := t.open(&u, d, nil); err != nil {
			return err
		}
		return t.event(actor, "opened", whomOf(u), fmt.Sprintf("%s for %s: %s", whatOf(u), d, u.Reason))
	})
	if err != nil {
		return identity.Unblock{}, err
	}
	return u, nil
}

// open writes an opening that begins now, and completes u.
func (t *tx) open(u *identity.Unblock, d time.Duration, salt []byte) error {
	u.From, u.Until = timeOf(micros(t.now)), timeOf(micros(t.now.Add(d)))
	mac := ""
	if !u.Device.IsZero() {
		mac = u.Device.String()
	}
	res, err := t.exec(`INSERT INTO unblocks (name, category, mac, person, started, until, reason, author, warned, salt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		u.Name, string(u.Category), mac, u.Person, micros(u.From), micros(u.Until), u.Reason, u.Author, u.Warned, append([]byte{}, salt...))
	if err != nil {
		return err
	}
	u.ID, err = res.LastInsertId()
	return err
}

func checkUnblock(u identity.Unblock, d time.Duration) (identity.Unblock, error) {
	info, known := u.Category.Info()
	reason, ok := cleanText(u.Reason, maxText)
	switch {
	case (u.Name == "") == (u.Category == ""), u.Category != "" && !known:
		return u, ErrUnblockWhat
	case len(u.Name) > 253 || strings.ToLower(u.Name) != u.Name || label(u.Name, 253) != u.Name:
		return u, ErrUnblockWhat
	case info.Locked:
		return u, ErrUnblockLocked
	case u.Device.IsZero() == (u.Person == ""), u.Warned && (u.Device.IsZero() || u.Name == "" || NameKey(u.Author) == ""):
		return u, ErrUnblockWhom
	case !ok || reason == "":
		return u, ErrUnblockReason
	case d < time.Minute || d > MaxUnblock:
		return u, ErrUnblockLong
	}
	u.Reason, u.Author = reason, label(u.Author, maxName)
	if u.Person != "" {
		name, err := CleanName(u.Person)
		if err != nil {
			return u, err
		}
		u.Person = name
	}
	return u, nil
}

// EndUnblock ends an opening before its time.
func (db *DB) EndUnblock(actor string, id int64) error {
	return db.write(protecting, "ending an opening", func(t *tx) error {
		u, err := scanUnblock(t.row(unblockColumns+`WHERE id = ? AND ended_at = 0 AND until > ?`, id, micros(t.now)))
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoUnblock
		}
		if err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE unblocks SET ended_at = ?, ended_by = ? WHERE id = ?`, micros(t.now), label(actor, maxName), id); err != nil {
			return err
		}
		return t.event(actor, "closed", whomOf(u.Unblock), whatOf(u.Unblock))
	})
}

// LiveUnblocks lists the openings that run at that time, the oldest first.
func (db *DB) LiveUnblocks(at time.Time) ([]identity.Unblock, error) {
	all, err := list(db.file, scanUnblock, unblockColumns+runningUnblocks, micros(at), micros(at.Add(clockSkew)))
	out := make([]identity.Unblock, len(all))
	for i, u := range all {
		out[i] = u.Unblock
	}
	return out, reading("the openings", err)
}

// Unblocks lists openings, the newest first.
func (db *DB) Unblocks(limit int) ([]Unblock, error) {
	all, err := list(db.file, scanUnblock, unblockColumns+`ORDER BY id DESC LIMIT ?`, bounded(limit))
	return all, reading("the openings", err)
}

// pruneUnblocks forgets openings from before a time; the audit keeps what was opened
// for others, and of those who went on that they did.
func (t *tx) pruneUnblocks(before time.Time) error {
	_, err := t.exec(`DELETE FROM unblocks WHERE until < ? AND started < ?1`, micros(before))
	return err
}

func whomOf(u identity.Unblock) string {
	if u.Person != "" {
		return "person:" + u.Person
	}
	return "device:" + u.Device.String()
}

func whatOf(u identity.Unblock) string {
	if u.Name != "" {
		return u.Name
	}
	return "category " + string(u.Category)
}

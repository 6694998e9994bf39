package records

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"stairgate/config/identity"
)

const (
	// maxWarned is how many sites one device, and one person wherever they sit, may go
	// on to at a time.
	maxWarned = 10
	// maxLiveWarned bounds those of all together. They do not count towards what
	// the technician and the head may open.
	maxLiveWarned = 200
)

// The refusals of going on.
var (
	ErrWarnedMany = &Refusal{"busy", "You went on to many sites in a short time, or this device did. Wait a while, or ask the technician to open what you need."}
	ErrWarnedFull = &Refusal{"busy", "Too many people went on from warnings in a short time. Wait a while, or ask the technician to open what you need."}
)

// GoOn opens the site u.Name for u.Author, who was warned of it, on the device they sit
// at. What they write is theirs: it stands with the opening, where EraseQueries finds it;
// the audit holds who, when, where, of which category and a salted hash of the rest.
func (db *DB) GoOn(u identity.Unblock, of identity.Category, d time.Duration) (identity.Unblock, error) {
	u.Warned = true
	u, err := checkUnblock(u, d)
	if err != nil {
		return identity.Unblock{}, err
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	err = db.write(admitting, "recording that somebody went on", func(t *tx) error {
		if err := t.mayGoOn(u); err != nil {
			return err
		}
		if err := t.open(&u, d, salt); err != nil {
			return err
		}
		what := "a site"
		if of != "" {
			what += " in the category " + string(of)
		}
		return t.event(u.Author, wentOn, whomOf(u), fmt.Sprintf("%s for %s, %s%d%s%s", what, d, openingWord, u.ID, recordWord, saltedDigest(salt, u)))
	})
	if err != nil {
		return identity.Unblock{}, err
	}
	return u, nil
}

// mayGoOn counts. One person or device must not use up what is there for all, nor all of
// them what is there for those who open sites for others.
func (t *tx) mayGoOn(u identity.Unblock) error {
	live, mine := 0, 0
	who := NameKey(u.Author)
	err := t.all(func(s scanner) error {
		was, err := scanUnblock(s)
		if was.EndedAt.IsZero() {
			live++
		}
		// What the technician closed still counts: that is how often they did it.
		if was.Device == u.Device || NameKey(was.Author) == who {
			mine++
		}
		return err
	}, unblockColumns+`WHERE warned AND until > ? AND started <= ?`, micros(t.now), micros(t.now.Add(clockSkew)))
	switch {
	case err != nil:
		return err
	case mine >= maxWarned:
		return ErrWarnedMany
	case live >= maxLiveWarned:
		return ErrWarnedFull
	}
	return nil
}

const (
	wentOn      = "went on"
	openingWord = "opening "
	recordWord  = ", record "
)

// saltedDigest is what the audit holds of an opening that may be erased.
func saltedDigest(salt []byte, u identity.Unblock) string {
	b := []byte{1}
	b = binary.BigEndian.AppendUint64(b, uint64(u.ID))
	b = binary.BigEndian.AppendUint64(b, uint64(micros(u.From)))
	b = binary.BigEndian.AppendUint64(b, uint64(micros(u.Until)))
	b = appendTexts(b, string(salt), u.Name, u.Device.String(), u.Author, u.Reason)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// OpeningOf is the opening that an event of going on is about. Events from before the
// audit named it have none: they say all themselves.
func (e Event) OpeningOf() (id int64, ok bool) {
	id, _, ok = e.opening()
	return id, ok
}

func (e Event) opening() (id int64, digest string, ok bool) {
	if e.Verb != wentOn {
		return 0, "", false
	}
	head, digest, ok := cutLast(e.Detail, recordWord)
	if !ok {
		return 0, "", false
	}
	_, number, ok := cutLast(head, openingWord)
	id, err := strconv.ParseInt(number, 10, 64)
	return id, digest, ok && err == nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// Opening is the opening of that number, as long as it is kept.
func (db *DB) Opening(id int64) (Unblock, bool, error) {
	u, ok, err := one(db.file, scanUnblock, unblockColumns+`WHERE id = ?`, id)
	return u, ok, reading("the openings", err)
}

const (
	erasedName   = "(erased)"
	erasedReason = "The site and the reason were erased with the query log."
)

// eraseGoneOn takes out where a subject went on to and what they wrote, and ends what
// runs: without its site it opens nothing. Who went on, when, on which device and of
// which category stays in the audit.
func (db *DB) eraseGoneOn(actor string, s Subject) (erased int64, err error) {
	who := NameKey(s.Person)
	err = db.write(protecting, "erasing what somebody went on to", func(t *tx) error {
		erased = 0
		var ids []int64
		err := t.all(func(row scanner) error {
			u, err := scanUnblock(row)
			if s.MAC == u.Device || who != "" && NameKey(u.Author) == who {
				ids = append(ids, u.ID)
			}
			return err
		}, unblockColumns+`WHERE warned AND erased = 0`)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := t.exec(`UPDATE unblocks SET ended_at = ?, ended_by = ? WHERE id = ? AND ended_at = 0 AND until > ?1`, micros(t.now), label(actor, maxName), id); err != nil {
				return err
			}
			if _, err := t.exec(`UPDATE unblocks SET name = ?, reason = ?, salt = x'', erased = ? WHERE id = ?`, erasedName, erasedReason, max(micros(t.now), 1), id); err != nil {
				return err
			}
			erased++
		}
		return nil
	})
	if err != nil || erased == 0 {
		return 0, err
	}
	return erased, db.settleLog()
}

// settleLog moves what was written from the write-ahead log into the file, so that what
// was overwritten is overwritten there as well.
func (db *DB) settleLog() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return errClosed
	}
	if _, err := db.file.exec(`PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		return &writeError{"overwriting what was erased", err}
	}
	return nil
}

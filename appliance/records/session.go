package records

import (
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"stairgate/config/identity"
)

// Session is the time for which a signature puts a device online.
type Session struct {
	ID        int64
	Signature int64
	Person    int64
	FullName  string
	MAC       identity.MAC
	Addr      netip.Addr
	Started   time.Time
	Until     time.Time
	EndedAt   time.Time // zero: still runs, or has just reached Until
	EndedWhy  string    // "signed out", "signed again", "revoked", "ran out"
}

// clockSkew is how far a clock may have been put back without ending sessions.
// A box without a battery can wake in the past: a session that begins later than
// that is not live, else it would live for years.
const clockSkew = 5 * time.Minute

const sessionColumns = `SELECT id, signature, person, full_name, mac, addr, started, until, ended_at, ended_why FROM sessions `

func scanSession(s scanner) (v Session, err error) {
	var mac, addr string
	var started, until, ended int64
	if err := s.Scan(&v.ID, &v.Signature, &v.Person, &v.FullName, &mac, &addr, &started, &until, &ended, &v.EndedWhy); err != nil {
		return Session{}, err
	}
	v.Started, v.Until, v.EndedAt = timeOf(started), timeOf(until), timeOf(ended)
	if v.MAC, err = identity.ParseMAC(mac); err == nil {
		v.Addr, err = parseAddr(addr)
	}
	return v, err
}

// LiveSessions lists the sessions that run at that time, by hardware address.
func (db *DB) LiveSessions(at time.Time) ([]Session, error) {
	sessions, err := list(db.file, scanSession, sessionColumns+`WHERE ended_at = 0 AND until > ? AND started <= ? ORDER BY mac`,
		micros(at), micros(at.Add(clockSkew)))
	return sessions, reading("the sessions", err)
}

// SessionFilter chooses sessions; zero fields choose all.
type SessionFilter struct {
	Name   string // full name, however written
	MAC    identity.MAC
	Since  time.Time // started at or after
	Until  time.Time // started before
	Before int64     // older than this ID: the next page
	Limit  int       // 0: 200
}

// Sessions lists sessions, newest first: who was online when, and on what.
func (db *DB) Sessions(f SessionFilter) ([]Session, error) {
	var w where
	if f.Name != "" {
		w.and(`person IN (SELECT id FROM people WHERE key = ?)`, NameKey(f.Name))
	}
	if !f.MAC.IsZero() {
		w.and(`mac = ?`, f.MAC.String())
	}
	if !f.Since.IsZero() {
		w.and(`started >= ?`, micros(f.Since))
	}
	if !f.Until.IsZero() {
		w.and(`started < ?`, micros(f.Until))
	}
	if f.Before > 0 {
		w.and(`id < ?`, f.Before)
	}
	sessions, err := list(db.file, scanSession, sessionColumns+w.String()+` ORDER BY id DESC LIMIT ?`, append(w.args, bounded(f.Limit))...)
	return sessions, reading("the sessions", err)
}

// Continue begins a session for the person whose signature of this version is
// on file for the device (see Known), without signing again.
func (db *DB) Continue(mac identity.MAC, addr netip.Addr, policyVersion string, until time.Time) (sess Session, err error) {
	err = db.write(admitting, "recording a session", func(t *tx) error {
		if !until.After(t.now) {
			return errUntilPassed
		}
		if _, err := t.admissible(mac, ""); err != nil {
			return err
		}
		sig, err := scanSignature(t.row(signatureColumns+`WHERE s.mac = ? AND s.policy_version = ? AND s.signed_at > ? AND s.signed_at <= ? ORDER BY s.id DESC LIMIT 1`,
			mac.String(), policyVersion, micros(t.now.Add(-signatureLife)), micros(t.now.Add(clockSkew))))
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotKnown
		}
		if err != nil {
			return err
		}
		sess, err = t.begin(Session{
			Signature: sig.ID, Person: sig.Person, FullName: sig.FullName, MAC: mac, Addr: addr,
			Started: timeOf(micros(t.now)), Until: until,
		})
		if err != nil {
			return err
		}
		return t.event("person:"+sig.FullName, "continued", "device:"+mac.String(), fmt.Sprintf("on signature:%d", sig.ID))
	})
	if err != nil {
		return Session{}, err
	}
	return sess, nil
}

// EndSession ends the device's session, if it has one.
func (db *DB) EndSession(mac identity.MAC, why string, at time.Time) error {
	return db.write(protecting, "ending a session", func(t *tx) error {
		ended, err := t.endSession(mac, why, at)
		if err != nil || ended.ID == 0 {
			return err
		}
		return t.event("person:"+ended.FullName, "signed out", "device:"+mac.String(), why)
	})
}

// EndSessions ends the sessions on these devices, or with nil on all, together
// with its audit event, whose object is of: "everybody", "group:staff". It says
// how many there were; who never had one is passed over.
func (db *DB) EndSessions(actor, of string, on []identity.MAC, reason string) (n int, err error) {
	why, ok := cleanText(reason, maxText)
	if !ok || why == "" {
		return 0, ErrLookupReason
	}
	err = db.write(protecting, "ending sessions", func(t *tx) error {
		n = 0
		all := on
		if on == nil {
			open, err := t.openSessions()
			if err != nil {
				return err
			}
			all = open
		}
		for _, mac := range all {
			ended, err := t.endSession(mac, "ended by "+actor, t.now)
			if err != nil {
				return err
			}
			if ended.ID != 0 {
				n++
			}
		}
		return t.event(actor, "ended all sessions", of, fmt.Sprintf("%d ended: %s", n, why))
	})
	return n, err
}

// openSessions are the devices whose session nobody has ended.
func (t *tx) openSessions() (out []identity.MAC, err error) {
	s, err := t.prepared(`SELECT mac FROM sessions WHERE ended_at = 0`)
	if err != nil {
		return nil, err
	}
	err = eachRow(s, func(row scanner) error {
		var text string
		if err := row.Scan(&text); err != nil {
			return err
		}
		mac, err := identity.ParseMAC(text)
		out = append(out, mac)
		return err
	})
	return out, err
}

// begin stores a session; the device's older one ends.
func (t *tx) begin(s Session) (Session, error) {
	if _, err := t.endSession(s.MAC, "signed again", s.Started); err != nil {
		return Session{}, err
	}
	s.Until = timeOf(micros(s.Until))
	res, err := t.exec(`INSERT INTO sessions (signature, person, full_name, mac, addr, started, until) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		s.Signature, s.Person, s.FullName, s.MAC.String(), s.Addr.String(), micros(s.Started), micros(s.Until))
	if err != nil {
		return Session{}, err
	}
	s.ID, err = res.LastInsertId()
	return s, err
}

// endSession closes the device's open session and returns it; ID is 0 when
// there was none or it had run out by itself.
func (t *tx) endSession(mac identity.MAC, why string, at time.Time) (Session, error) {
	s, err := scanSession(t.row(sessionColumns+`WHERE mac = ? AND ended_at = 0`, mac.String()))
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, nil
	}
	if err != nil {
		return Session{}, err
	}
	ranOut := !s.Until.After(at)
	s.EndedAt, s.EndedWhy = timeOf(micros(at)), label(why, 200)
	if ranOut {
		s.EndedAt, s.EndedWhy = s.Until, "ran out"
	}
	if _, err := t.exec(`UPDATE sessions SET ended_at = ?, ended_why = ? WHERE id = ?`, micros(s.EndedAt), s.EndedWhy, s.ID); err != nil {
		return Session{}, err
	}
	if ranOut {
		return Session{}, nil
	}
	return s, nil
}

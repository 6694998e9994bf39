package records

import (
	"database/sql"
	"errors"
	"strings"
	"sync"
	"time"

	"stairgate/config/identity"
)

// State says how far the technician has got with a device.
type State string

// The states of a device.
const (
	Waiting  State = "waiting"  // seen on the network; nobody has approved it
	Approved State = "approved" // may be used
	Revoked  State = "revoked"  // may not be used, whoever signs
)

// Device is one network card and what the school knows about it.
type Device struct {
	MAC        identity.MAC
	Name       string // "Office laptop"
	Owner      string // a person's full name, or the school
	Group      string // identity.Group.ID; empty until approved
	State      State
	AVProduct  string
	AVChecked  time.Time // a day: midnight UTC
	Note       string
	Hostname   string // what the device calls itself: no proof of anything
	Zone       string // where it was last seen
	FirstSeen  time.Time
	LastSeen   time.Time
	ApprovedBy string
	ApprovedAt time.Time
	RevokedBy  string
	RevokedAt  time.Time
	Reason     string // of the revocation
}

// Approval is what a technician says when approving a device.
type Approval struct {
	Name      string
	Owner     string
	Group     string
	AVProduct string
	AVChecked time.Time // the day of the anti-virus check; the clock time does not matter
	Note      string
}

const (
	seenEvery  = 10 * time.Minute
	maxWaiting = 2000 // unknown devices kept; a flood of made-up addresses replaces its own
)

const deviceColumns = `SELECT mac, name, owner, grp, state, av_product, av_checked, note, hostname, zone,
	first_seen, last_seen, approved_by, approved_at, revoked_by, revoked_at, reason FROM devices `

func scanDevice(s scanner) (d Device, err error) {
	var mac, checked string
	var first, last, approved, revoked int64
	err = s.Scan(&mac, &d.Name, &d.Owner, &d.Group, &d.State, &d.AVProduct, &checked, &d.Note, &d.Hostname, &d.Zone,
		&first, &last, &d.ApprovedBy, &approved, &d.RevokedBy, &revoked, &d.Reason)
	if err != nil {
		return Device{}, err
	}
	if d.MAC, err = identity.ParseMAC(mac); err != nil {
		return Device{}, err
	}
	if checked != "" {
		if d.AVChecked, err = time.Parse(time.DateOnly, checked); err != nil {
			return Device{}, err
		}
	}
	d.FirstSeen, d.LastSeen, d.ApprovedAt, d.RevokedAt = timeOf(first), timeOf(last), timeOf(approved), timeOf(revoked)
	return d, nil
}

// Devices lists every device: waiting ones first, then by name.
func (db *DB) Devices() ([]Device, error) {
	devices, err := list(db.file, scanDevice, deviceColumns+`ORDER BY state <> 'waiting', name COLLATE NOCASE, mac`)
	return devices, reading("the devices", err)
}

// Device finds one device.
func (db *DB) Device(mac identity.MAC) (Device, bool, error) {
	d, ok, err := one(db.file, scanDevice, deviceColumns+`WHERE mac = ?`, mac.String())
	return d, ok, reading("the devices", err)
}

// seenCache remembers what Seen last wrote, so that it need not ask.
type seenCache struct {
	mu sync.Mutex
	m  map[identity.MAC]seen
}

type seen struct {
	zone, hostname string
	at             time.Time
}

// fresh reports whether s need not be written again.
func (c *seenCache) fresh(mac identity.MAC, s seen) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, ok := c.m[mac]
	since := s.at.Sub(old.at)
	return ok && old.zone == s.zone && (s.hostname == "" || old.hostname == s.hostname) && since > -seenEvery && since < seenEvery
}

func (c *seenCache) put(mac identity.MAC, s seen) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) > 2*maxWaiting {
		c.m = make(map[identity.MAC]seen)
	}
	c.m[mac] = s
}

// Seen notes that a device is on the network; isNew says that it never was
// before. It writes at most once in ten minutes per device unless the device
// moved or changed its name. An empty hostname keeps the one on record.
func (db *DB) Seen(mac identity.MAC, zone, hostname string, at time.Time) (isNew bool, err error) {
	s := seen{label(zone, 32), label(hostname, 64), at}
	if db.seen.fresh(mac, s) {
		return false, nil
	}
	err = db.write(admitting, "recording that a device was seen", func(t *tx) error {
		isNew, err = t.seen(mac, s)
		return err
	})
	if err != nil {
		return false, err
	}
	db.seen.put(mac, s)
	return isNew, nil
}

// seen makes or touches the device's row.
func (t *tx) seen(mac identity.MAC, s seen) (isNew bool, err error) {
	res, err := t.exec(`UPDATE devices SET last_seen = ?, zone = ?, hostname = CASE ? WHEN '' THEN hostname ELSE ? END,
		first_seen = CASE first_seen WHEN 0 THEN ? ELSE first_seen END WHERE mac = ?`,
		micros(s.at), s.zone, s.hostname, s.hostname, micros(s.at), mac.String())
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return false, err
	}
	if _, err := t.exec(`INSERT INTO devices (mac, hostname, zone, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)`,
		mac.String(), s.hostname, s.zone, micros(s.at), micros(s.at)); err != nil {
		return false, err
	}
	var waiting int
	if err := t.row(`SELECT count(*) FROM devices WHERE state = 'waiting'`).Scan(&waiting); err != nil {
		return false, err
	}
	if waiting > maxWaiting {
		_, err = t.exec(`DELETE FROM devices WHERE mac = (SELECT mac FROM devices AS d WHERE state = 'waiting' AND mac <> ?
			AND NOT EXISTS (SELECT 1 FROM signatures AS s WHERE s.mac = d.mac) ORDER BY last_seen LIMIT 1)`, mac.String())
	}
	return true, err
}

// Approve lets a device be used, and says what the school knows about it. A
// device that was approved already is amended, a revoked one comes back. A
// device that was never seen is recorded in advance.
func (db *DB) Approve(actor string, mac identity.MAC, a Approval) error {
	day, err := a.tidy(db.now())
	if err != nil {
		return err
	}
	return db.write(admitting, "approving a device", func(t *tx) error {
		if _, err := t.exec(`INSERT INTO devices (mac, name, owner, grp, state, av_product, av_checked, note, approved_by, approved_at)
			VALUES (?, ?, ?, ?, 'approved', ?, ?, ?, ?, ?)
			ON CONFLICT (mac) DO UPDATE SET name = excluded.name, owner = excluded.owner, grp = excluded.grp, state = 'approved',
				av_product = excluded.av_product, av_checked = excluded.av_checked, note = excluded.note,
				approved_by = excluded.approved_by, approved_at = excluded.approved_at,
				revoked_by = '', revoked_at = 0, reason = ''`,
			mac.String(), a.Name, a.Owner, a.Group, a.AVProduct, day, a.Note, label(actor, 200), micros(t.now)); err != nil {
			return err
		}
		return t.event(actor, "approved", "device:"+mac.String(),
			"name \""+a.Name+"\", owner \""+a.Owner+"\", group "+a.Group+", anti-virus \""+a.AVProduct+"\" checked "+day)
	})
}

// tidy checks the approval and returns the day of the anti-virus check.
func (a *Approval) tidy(now time.Time) (day string, err error) {
	var ok bool
	if a.Name, ok = cleanText(a.Name, maxName); !ok || a.Name == "" {
		return "", ErrDeviceName
	}
	if a.Owner, ok = cleanText(a.Owner, maxName); !ok || a.Owner == "" {
		return "", ErrOwner
	}
	if a.Group = strings.TrimSpace(a.Group); a.Group == "" {
		return "", ErrGroup
	}
	if a.AVProduct, ok = cleanText(a.AVProduct, maxName); !ok || a.AVProduct == "" {
		return "", ErrAVProduct
	}
	if a.AVChecked.IsZero() {
		return "", ErrAVChecked
	}
	if a.Note, ok = cleanText(a.Note, maxText); !ok {
		return "", ErrText
	}
	day = a.AVChecked.Format(time.DateOnly)
	if day > now.Format(time.DateOnly) {
		return "", ErrAVFuture
	}
	return day, nil
}

// Revoke takes a device off the network and ends its session, in one
// transaction. Nobody can sign on it until it is approved again.
func (db *DB) Revoke(actor string, mac identity.MAC, reason string) error {
	reason, ok := cleanText(reason, maxText)
	if !ok || reason == "" {
		return ErrReason
	}
	return db.write(protecting, "revoking a device", func(t *tx) error {
		var one int
		err := t.row(`SELECT 1 FROM devices WHERE mac = ?`, mac.String()).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoDevice
		}
		if err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE devices SET state = 'revoked', revoked_by = ?, revoked_at = ?, reason = ? WHERE mac = ?`,
			label(actor, 200), micros(t.now), reason, mac.String()); err != nil {
			return err
		}
		if _, err := t.endSession(mac, "revoked", t.now); err != nil {
			return err
		}
		return t.event(actor, "revoked", "device:"+mac.String(), reason)
	})
}

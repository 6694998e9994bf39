package records

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"
)

// Event is one line of the audit chain: who did what to what. Hash covers every
// other field including Prev, the Hash of the event before.
type Event struct {
	Seq    int64
	Time   time.Time
	Actor  string // account name, "person:Jane Doe", or "box"
	Verb   string // "signed", "approved", "revoked"
	Object string // "device:aa:bb:…", "signature:12"
	Detail string
	Prev   string // hex; 64 zeros for the first
	Hash   string // hex
}

// digest is the event's hash: SHA-256 over a version octet, number, time and
// each text with its length in front, then Prev. Lengths make the encoding
// unambiguous: no two different events have the same octets.
func (e Event) digest() [sha256.Size]byte {
	b := []byte{1}
	b = binary.BigEndian.AppendUint64(b, uint64(e.Seq))
	b = binary.BigEndian.AppendUint64(b, uint64(micros(e.Time)))
	b = appendTexts(b, e.Actor, e.Verb, e.Object, e.Detail, e.Prev)
	return sha256.Sum256(b)
}

func appendTexts(b []byte, texts ...string) []byte {
	for _, s := range texts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return b
}

const genesis = "0000000000000000000000000000000000000000000000000000000000000000"

// Audit appends an event to the chain; it is durable when Audit returns.
func (db *DB) Audit(actor, verb, object, detail string) error {
	return db.write(protecting, "recording what was done", func(t *tx) error {
		return t.event(actor, verb, object, detail)
	})
}

// event appends to the chain within the transaction.
func (t *tx) event(actor, verb, object, detail string) error {
	last, err := scanEvent(t.row(lastEvent))
	if errors.Is(err, sql.ErrNoRows) {
		last, err = Event{Hash: genesis}, nil
	}
	if err != nil {
		return err
	}
	e := Event{
		Seq: last.Seq + 1, Time: t.now.UTC().Truncate(time.Microsecond),
		Actor: label(actor, 200), Verb: label(verb, 64), Object: label(object, 300), Detail: label(detail, 2*maxText),
		Prev: last.Hash,
	}
	sum := e.digest()
	e.Hash = hex.EncodeToString(sum[:])
	prev, err := hex.DecodeString(e.Prev)
	if err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO audit (seq, at, actor, verb, object, detail, prev, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Seq, micros(e.Time), e.Actor, e.Verb, e.Object, e.Detail, prev, sum[:]); err != nil {
		return err
	}
	t.head = e
	return nil
}

const (
	eventColumns = `SELECT seq, at, actor, verb, object, detail, prev, hash FROM audit `
	lastEvent    = eventColumns + `ORDER BY seq DESC LIMIT 1`
)

func scanEvent(s scanner) (e Event, err error) {
	var at int64
	var prev, hash []byte
	if err := s.Scan(&e.Seq, &at, &e.Actor, &e.Verb, &e.Object, &e.Detail, &prev, &hash); err != nil {
		return Event{}, err
	}
	e.Time, e.Prev, e.Hash = timeOf(at), hex.EncodeToString(prev), hex.EncodeToString(hash)
	return e, nil
}

// Events lists the chain, newest first: at most limit events older than the one
// numbered before (0: from the newest).
func (db *DB) Events(before int64, limit int) ([]Event, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	events, err := list(db.file, scanEvent, eventColumns+`WHERE seq < ? ORDER BY seq DESC LIMIT ?`, before, bounded(limit))
	return events, reading("the audit chain", err)
}

// Head is the newest event; its Hash stands for the whole chain. Written down
// elsewhere (a printed report, a mail), it shows later that nothing before it
// was changed, even by somebody who owns the whole box. ok is false while the
// chain is empty.
func (db *DB) Head() (e Event, ok bool, err error) {
	e, ok, err = one(db.file, scanEvent, lastEvent)
	return e, ok, reading("the audit chain", err)
}

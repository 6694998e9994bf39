package records

import "fmt"

// goneOn is what the chain says of somebody who went on from a warning.
type goneOn struct {
	seq    int64
	digest string
}

// verifyOpenings compares what people went on to, and why, with what the chain says of
// it. What was erased can be compared no more: there an erasure must stand in the chain,
// later. What is no longer kept is not missed.
func (db *DB) verifyOpenings(v verifier) error {
	type line struct {
		Unblock
		salt   []byte
		erased bool
	}
	changed := func(u line) error {
		return &TamperError{0, fmt.Sprintf("What %s went on to from a warning on %s was changed after it was recorded.", u.Author, u.From.UTC().Format("2 January 2006")), false}
	}
	var unknown []line
	err := db.file.each(func(s scanner) error {
		var u line
		var err error
		if u.Unblock, err = scanUnblock(tail{s, []any{&u.salt, &u.erased}}); err != nil {
			return err
		}
		of, known := v.openings[u.ID]
		switch {
		case !known && len(u.salt) == 0 && !u.erased:
			return nil // from before: the chain holds the words themselves
		case !known || u.erased && v.erasing < of.seq:
			unknown = append(unknown, u)
		case !u.erased && saltedDigest(u.salt, u.Unblock.Unblock) != of.digest:
			return changed(u)
		}
		return nil
	}, openingLines)
	if err != nil {
		return reading("the openings", err)
	}
	if len(unknown) == 0 {
		return nil
	}
	// Recorded or erased since the walk, or tampered with.
	err = db.file.each(func(s scanner) error {
		e, err := scanEvent(s)
		v.note(e)
		return err
	}, eventColumns+`WHERE seq > ? ORDER BY seq`, v.last.Seq)
	if err != nil {
		return reading("the audit chain", err)
	}
	for _, u := range unknown {
		of, known := v.openings[u.ID]
		switch {
		case u.erased && v.erasing > of.seq:
		case u.erased, !known, saltedDigest(u.salt, u.Unblock.Unblock) != of.digest:
			return changed(u)
		}
	}
	return nil
}

const openingLines = `SELECT id, name, category, mac, person, started, until, reason, author, warned, ended_at, ended_by, salt, erased <> 0 FROM unblocks WHERE warned ORDER BY id`

// tail is a row that ends with more than its reader knows of.
type tail struct {
	row  scanner
	more []any
}

func (t tail) Scan(dest ...any) error { return t.row.Scan(append(dest, t.more...)...) }

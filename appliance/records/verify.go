package records

import (
	"fmt"
	"strconv"
	"strings"
)

// TamperError says where the audit chain or a signature is not what was
// recorded.
type TamperError struct {
	Seq      int64  // number of the event; 0 when it is about the whole chain
	Sentence string // what is wrong
	end      bool   // it is the end that is missing, or cannot be told
}

func (e *TamperError) Error() string { return e.Sentence }

// Verify walks the whole audit chain, every signature and what those who went on
// from a warning wrote. It returns nil when all is as recorded, a *TamperError
// naming the first event that was changed, removed, inserted or put elsewhere, or
// another error when it cannot read.
//
// It finds: any changed field of an event, of a signature, of a signed text, or of
// what somebody went on to; a removed, inserted or reordered event; an end cut off
// before the event named in audit.head; a removed or an added signature. It cannot
// find a cut back to exactly the event in audit.head with that file rewritten to
// match, nor a chain written anew from the start: for those compare Head with a
// copy kept elsewhere.
func (db *DB) Verify() error {
	// The anchor first: events that come meanwhile only make the chain longer.
	seq, hash, anchored, err := db.anchor.read()
	if err != nil {
		return &TamperError{Sentence: "The file audit.head, which holds the end of the audit chain, is damaged: whether the chain is complete cannot be told.", end: true}
	}
	v := verifier{last: Event{Hash: genesis}, signatures: make(map[int64]string), openings: make(map[int64]goneOn)}
	err = db.file.each(func(s scanner) error {
		e, err := scanEvent(s)
		if err != nil {
			return err
		}
		if anchored && e.Seq == seq && e.Hash != hash {
			return &TamperError{e.Seq, fmt.Sprintf("Event %d of the audit chain is not the one that was written down in audit.head: the chain was written anew.", e.Seq), false}
		}
		return v.event(e)
	}, eventColumns+`ORDER BY seq`)
	if err != nil {
		return reading("the audit chain", err)
	}
	if anchored && v.last.Seq < seq {
		return &TamperError{seq, fmt.Sprintf("The audit chain ends at event %d, but event %d was recorded: the end was cut off.", v.last.Seq, seq), true}
	}
	if !anchored && v.last.Seq > 1 {
		return &TamperError{Sentence: "The file audit.head, which holds the end of the audit chain, is missing: whether the chain is complete cannot be told.", end: true}
	}
	if err := db.verifySignatures(v); err != nil {
		return err
	}
	return db.verifyOpenings(v)
}

// verifier walks the chain and collects what it says about signatures and openings.
type verifier struct {
	last       Event
	signatures map[int64]string // ID → digest
	openings   map[int64]goneOn // by ID: of those who went on from a warning
	erasing    int64            // the last erasure's number
}

// note collects what an event says about openings.
func (v *verifier) note(e Event) {
	if id, digest, ok := e.opening(); ok {
		v.openings[id] = goneOn{e.Seq, digest}
	}
	if e.Verb == beganErasing {
		v.erasing = e.Seq
	}
}

func (v *verifier) event(e Event) error {
	want := v.last.Seq + 1
	if e.Seq != want {
		return &TamperError{want, fmt.Sprintf("Event %d of the audit chain is missing: after event %d comes event %d.", want, v.last.Seq, e.Seq), false}
	}
	if sum := e.digest(); fmt.Sprintf("%x", sum) != e.Hash {
		return &TamperError{e.Seq, fmt.Sprintf("Event %d of the audit chain was changed after it was recorded.", e.Seq), false}
	}
	if e.Prev != v.last.Hash {
		return &TamperError{e.Seq, fmt.Sprintf("Event %d of the audit chain does not follow event %d: one of them was replaced or put elsewhere.", e.Seq, v.last.Seq), false}
	}
	if e.Verb == "signed" {
		id, isID := strings.CutPrefix(e.Object, "signature:")
		_, digest, isDigest := strings.Cut(e.Detail, ", record ")
		if n, err := strconv.ParseInt(id, 10, 64); err == nil && isID && isDigest {
			v.signatures[n] = digest
		}
	}
	v.note(e)
	v.last = e
	return nil
}

// verifySignatures compares every signature with what the chain says of it.
func (db *DB) verifySignatures(v verifier) error {
	sound := make(map[string]bool) // policies by hash: is the text what was signed?
	err := db.file.each(func(s scanner) error {
		var sum, text string
		err := s.Scan(&sum, &text)
		sound[sum] = sha256Hex(text) == sum
		return err
	}, `SELECT sha256, text FROM policies`)
	if err != nil {
		return reading("the signed policies", err)
	}
	var unknown []Signature
	err = db.file.each(func(s scanner) error {
		sig, err := scanSignature(s)
		if err != nil {
			return err
		}
		want, ok := v.signatures[sig.ID]
		delete(v.signatures, sig.ID)
		switch {
		case !ok:
			unknown = append(unknown, sig)
		case want != sig.digest():
			return &TamperError{0, fmt.Sprintf("Signature %d (%s) was changed after it was recorded.", sig.ID, sig.FullName), false}
		case !sound[sig.PolicySHA256]:
			return &TamperError{0, fmt.Sprintf("The text of signature %d (%s) was changed after it was signed.", sig.ID, sig.FullName), false}
		}
		return nil
	}, signatureLines)
	if err != nil {
		return reading("the signatures", err)
	}
	for _, sig := range unknown {
		// Recorded since the walk, or slipped in. Asked only now: a read that
		// waits for a second connection while it holds one can wait for ever.
		_, found, err := one(db.file, scanEvent, eventColumns+`WHERE seq > ? AND verb = 'signed' AND object = ?`,
			v.last.Seq, fmt.Sprintf("signature:%d", sig.ID))
		switch {
		case err != nil:
			return reading("the audit chain", err)
		case !found:
			return &TamperError{0, fmt.Sprintf("Signature %d (%s) is not in the audit chain: it was not recorded by this box.", sig.ID, sig.FullName), false}
		}
	}
	for id := range v.signatures {
		return &TamperError{0, fmt.Sprintf("Signature %d is in the audit chain but not among the signatures: it was removed.", id), false}
	}
	return nil
}

package records

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// applicationID marks records.db ("SGRC") and queries.db ("SGQL") as ours.
const (
	recordsID = 0x53475243
	queriesID = 0x5347514c
)

// openRecords opens records.db and sees to it that the audit chain tells of
// everything that happened to it.
func (db *DB) openRecords(steps []string) (alarms []string, err error) {
	f, out, err := opening{
		path: filepath.Join(db.dir, "records.db"), synchronous: "FULL", id: recordsID, steps: steps,
		checkUpTo: 1 << 30, vacuum: "NONE", copies: true, room: db.reserve.release, now: db.now,
	}.open()
	if err != nil {
		return nil, err
	}
	db.file = f

	seq, hash, anchored, anchorErr := db.anchor.read()
	switch {
	case out.older:
		alarms = append(alarms, "The records were written by a newer version of this program and have been set aside as "+out.aside+
			". The box runs with the records from before that version was installed: what was recorded since is in the file set aside. Install the newer version again to use it.")
	case errors.Is(out.reason, errNewer):
		alarms = append(alarms, "The records were written by a newer version of this program and have been set aside as "+out.aside+
			". The box runs with new, empty records: "+startAgain+" Install the newer version again to use the old ones.")
	case out.aside != "":
		alarms = append(alarms, "The records were damaged ("+reasonWords(out.reason)+") and have been set aside as "+out.aside+
			". The box runs with new, empty records: "+startAgain+" Keep the file for whoever can repair it.")
	case out.fresh && (anchored || anchorErr != nil):
		alarms = append(alarms, "The records are gone: the file records.db was removed. The box runs with new, empty records: "+startAgain+
			" Ask who had access to the box's storage.")
	}
	if out.fresh || out.older {
		return alarms, db.beginChain(out, seq, hash, anchored)
	}
	return append(alarms, db.checkChain()...), nil
}

const startAgain = "the first account must be made again, devices must be approved and people must sign again."

// reasonWords is an error without the parts that only programs need.
func reasonWords(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+errUnsound.Error())
}

// beginChain records in the new chain what became of the old one.
func (db *DB) beginChain(out outcome, seq int64, hash string, anchored bool) error {
	detail := "new records"
	switch {
	case out.aside != "":
		detail = fmt.Sprintf("the file before was set aside as %s (%s)", out.aside, reasonWords(out.reason))
	case anchored:
		detail = "the file before was removed"
	}
	if anchored {
		detail += fmt.Sprintf("; its last event was %d, hash %s", seq, hash)
	}
	if err := db.retireAnchor(); err != nil {
		return err
	}
	return db.write(protecting, "beginning the audit chain", func(t *tx) error { return t.event("box", "began", "records", detail) })
}

// retireAnchor keeps the anchor of a chain that has ended under another name.
func (db *DB) retireAnchor() error {
	err := os.Rename(db.anchor.path, freeName(db.anchor.path, "old", db.now()))
	if err != nil && !isMissing(err) {
		return fmt.Errorf("setting aside the end of the old audit chain: %w", err)
	}
	db.anchor.forget()
	return nil
}

// checkChain verifies the chain of a file that was opened. The file stays in
// use: a changed chain is evidence, and the box must run.
func (db *DB) checkChain() []string {
	err := db.Verify()
	var tampered *TamperError
	switch {
	case err == nil:
		seq, _, _, _ := db.anchor.read()
		db.anchor.resume(seq)
		return nil
	case !errors.As(err, &tampered):
		return []string{Sentence(err)}
	}
	alarm := []string{tampered.Sentence + " The records are still in use. Compare them with the last printed report, and ask who had access to the box's storage."}
	if !tampered.end {
		seq, _, _, _ := db.anchor.read()
		db.anchor.resume(seq)
		return alarm
	}
	// The chain goes on from where it ends now; it says so itself, and the old
	// anchor stays as evidence.
	if err := db.retireAnchor(); err != nil {
		return append(alarm, anchorSentence(err))
	}
	if err := db.Audit("box", "found cut off", "records", tampered.Sentence); err != nil {
		alarm = append(alarm, Sentence(err))
	}
	return alarm
}

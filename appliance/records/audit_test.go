package records

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// chain makes records with 1 began, 2–4 audited, 5 signed, 6 audited.
func chain(t *testing.T) (*DB, *clock) {
	t.Helper()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	for i := range 3 {
		must(t, db.Audit("tess", "tried", "config", fmt.Sprintf("change %d", i)))
		c.Advance(time.Second)
	}
	_, _, err := db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	must(t, db.Audit("tess", "kept", "config", ""))
	must(t, db.Verify())
	return db, c
}

// doctor changes the file as somebody with a tool would: without our triggers.
func doctor(t *testing.T, db *DB, statements ...string) {
	t.Helper()
	for _, s := range append([]string{
		`PRAGMA foreign_keys = 0`,
		`DROP TRIGGER IF EXISTS audit_no_update`, `DROP TRIGGER IF EXISTS audit_no_delete`,
		`DROP TRIGGER IF EXISTS signatures_no_update`, `DROP TRIGGER IF EXISTS signatures_no_delete`,
		`DROP TRIGGER IF EXISTS policies_no_update`,
	}, statements...) {
		if _, err := db.file.conn.ExecContext(context.Background(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestEventsInPages(t *testing.T) {
	t.Parallel()
	db, _ := chain(t)
	all, err := db.Events(0, 100)
	must(t, err)
	if len(all) != 6 || all[0].Verb != "kept" || all[5].Verb != "began" || all[5].Prev != genesis {
		t.Fatalf("events %+v", all)
	}
	page, err := db.Events(all[2].Seq, 2)
	if err != nil || len(page) != 2 || page[0] != all[3] || page[1] != all[4] {
		t.Errorf("second page %+v, %v", page, err)
	}
	head, ok, err := db.Head()
	if err != nil || !ok || head != all[0] {
		t.Errorf("head %+v, %v", head, err)
	}
}

// The hash must never come out differently: chains on boxes in use depend on it.
// The figure was computed by another program from the description of digest.
func TestDigestIsFixed(t *testing.T) {
	t.Parallel()
	e := Event{Seq: 7, Time: time.Date(2026, 1, 5, 8, 30, 0, 1000, time.UTC), Actor: "tess", Verb: "revoked", Object: "device:02:00:00:00:00:0a", Detail: "lost", Prev: genesis}
	const want = "8dd21de1bc2788b1821c1b0fb4d2655d3d5b37b2befef5a7a8bfdf9178677a3b"
	if got := fmt.Sprintf("%x", e.digest()); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	// What moves from one field to the next is another event.
	other := e
	other.Actor, other.Verb = "tessr", "evoked"
	if other.digest() == e.digest() {
		t.Error("two different events have the same hash")
	}
}

func TestTheTableItselfIsAppendOnly(t *testing.T) {
	t.Parallel()
	db, _ := chain(t)
	for _, s := range []string{
		`UPDATE audit SET detail = 'x' WHERE seq = 2`, `DELETE FROM audit WHERE seq = 2`,
		`UPDATE signatures SET full_name = 'x'`, `DELETE FROM signatures`, `UPDATE policies SET text = 'x'`, `DELETE FROM policies`,
	} {
		if _, err := db.file.conn.ExecContext(context.Background(), s); err == nil || !strings.Contains(err.Error(), "append-only") && !strings.Contains(err.Error(), "never") {
			t.Errorf("%s: %v", s, err)
		}
	}
	must(t, db.Verify())
}

func TestVerifyFinds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sql  string
		seq  int64
		want string
	}{
		"changed detail":     {`UPDATE audit SET detail = 'change 9' WHERE seq = 3`, 3, "Event 3 of the audit chain was changed"},
		"changed time":       {`UPDATE audit SET at = at + 1 WHERE seq = 2`, 2, "Event 2 of the audit chain was changed"},
		"changed actor":      {`UPDATE audit SET actor = 'eve' WHERE seq = 6`, 6, "Event 6 of the audit chain was changed"},
		"changed hash":       {`UPDATE audit SET hash = zeroblob(32) WHERE seq = 4`, 4, "Event 4 of the audit chain was changed"},
		"changed prev":       {`UPDATE audit SET prev = zeroblob(32) WHERE seq = 4`, 4, "Event 4 of the audit chain was changed"},
		"removed":            {`DELETE FROM audit WHERE seq = 3`, 3, "Event 3 of the audit chain is missing: after event 2 comes event 4"},
		"removed, closed up": {`DELETE FROM audit WHERE seq = 3; UPDATE audit SET seq = seq - 1 WHERE seq = 4; UPDATE audit SET seq = seq - 1 WHERE seq = 5; UPDATE audit SET seq = seq - 1 WHERE seq = 6`, 3, "Event 3 of the audit chain was changed"},
		"swapped":            {`UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 99`, 2, "Event 2 of the audit chain was changed"},
		"first removed":      {`DELETE FROM audit WHERE seq = 1`, 1, "Event 1 of the audit chain is missing"},
		"end cut off":        {`DELETE FROM audit WHERE seq > 4`, 6, "ends at event 4, but event 6 was recorded: the end was cut off"},
		"last cut off":       {`DELETE FROM audit WHERE seq = 6`, 6, "ends at event 5, but event 6 was recorded"},
		"all removed":        {`DELETE FROM audit`, 6, "ends at event 0, but event 6 was recorded"},
		"signer changed":     {`UPDATE signatures SET full_name = 'John Roe'`, 0, "Signature 1 (John Roe) was changed"},
		"signing time":       {`UPDATE signatures SET signed_at = signed_at - 1`, 0, "Signature 1 (Jane Doe) was changed"},
		"signature removed":  {`DELETE FROM signatures`, 0, "Signature 1 is in the audit chain but not among the signatures"},
		"signature added":    {`INSERT INTO signatures SELECT 2, person, full_name, job_title, mac, addr, device_name, policy_version, policy_title, policy_sha256, signed_at FROM signatures`, 0, "Signature 2 (Jane Doe) is not in the audit chain"},
		"text changed":       {`UPDATE policies SET text = 'I agree to nothing.'`, 0, "The text of signature 1 (Jane Doe) was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, _ := chain(t)
			doctor(t, db, tc.sql)
			err := db.Verify()
			var tampered *TamperError
			if !errors.As(err, &tampered) {
				t.Fatalf("Verify: %v, want a TamperError", err)
			}
			if tampered.Seq != tc.seq || !strings.Contains(tampered.Sentence, tc.want) {
				t.Errorf("Verify names event %d: %s\nwant event %d: %s", tampered.Seq, tampered.Sentence, tc.seq, tc.want)
			}
		})
	}
}

// An event that was changed and given the hash that fits it no longer fits the
// event after it.
func TestVerifyFindsAReplacedEvent(t *testing.T) {
	t.Parallel()
	db, _ := chain(t)
	events, err := db.Events(4, 1)
	must(t, err)
	e := events[0]
	e.Detail = "nothing to see"
	doctor(t, db, fmt.Sprintf(`UPDATE audit SET detail = '%s', hash = x'%x' WHERE seq = 3`, e.Detail, e.digest()))
	var tampered *TamperError
	if err := db.Verify(); !errors.As(err, &tampered) || tampered.Seq != 4 || !strings.Contains(tampered.Sentence, "does not follow event 3") {
		t.Errorf("Verify: %v", err)
	}
}

// Somebody who changes an event and computes every hash after it anew is still
// found, by the anchor.
func TestVerifyFindsAChainWrittenAnew(t *testing.T) {
	t.Parallel()
	db, _ := chain(t)
	events, err := db.Events(0, 100)
	must(t, err)
	doctor(t, db, `DELETE FROM audit`)
	prev := Event{Hash: genesis}
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		e.Prev = prev.Hash
		if e.Seq == 3 {
			e.Detail = "nothing to see"
		}
		e.Hash = fmt.Sprintf("%x", e.digest())
		doctor(t, db, fmt.Sprintf(`INSERT INTO audit VALUES (%d, %d, '%s', '%s', '%s', '%s', x'%s', x'%s')`,
			e.Seq, micros(e.Time), e.Actor, e.Verb, e.Object, e.Detail, e.Prev, e.Hash))
		prev = e
	}
	var tampered *TamperError
	if err := db.Verify(); !errors.As(err, &tampered) || tampered.Seq != 6 || !strings.Contains(tampered.Sentence, "written anew") {
		t.Errorf("Verify: %v", err)
	}
}

// A chain found cut off at the start says so itself from then on, and the old
// end stays beside it as evidence.
func TestCutChainIsAnAlarmOnce(t *testing.T) {
	t.Parallel()
	db, c := chain(t)
	doctor(t, db, `DELETE FROM audit WHERE seq = 6`)
	must(t, db.Close())
	db, alarms, err := Open(db.dir, c.Now)
	must(t, err)
	if len(alarms) != 1 || !strings.Contains(alarms[0], "the end was cut off") {
		t.Fatalf("alarms %q", alarms)
	}
	must(t, db.Verify())
	if e, _, err := db.Head(); err != nil || e.Verb != "found cut off" || e.Seq != 6 {
		t.Errorf("the chain ends with %+v, %v", e, err)
	}
	if old, _ := filepath.Glob(filepath.Join(db.dir, "audit.head.old-*")); len(old) != 1 {
		t.Errorf("the old end is not kept: %v", old)
	}
	must(t, db.Close())
	openClean(t, db.dir, c)
}

func TestAnchorGoneOrDamaged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"is missing": os.Remove,
		"is damaged": func(path string) error { return os.WriteFile(path, []byte("7 x\n"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			db, c := chain(t)
			must(t, change(db.anchor.path))
			var tampered *TamperError
			if err := db.Verify(); !errors.As(err, &tampered) || !strings.Contains(err.Error(), name) {
				t.Errorf("Verify: %v", err)
			}
			must(t, db.Close())
			db, alarms, err := Open(db.dir, c.Now)
			must(t, err)
			defer db.Close()
			if len(alarms) != 1 || !strings.Contains(alarms[0], name) {
				t.Errorf("alarms %q", alarms)
			}
			must(t, db.Verify())
		})
	}
}

func TestChangedChainAlarmsAtStartAndBootsOn(t *testing.T) {
	t.Parallel()
	db, c := chain(t)
	doctor(t, db, `UPDATE audit SET detail = 'x' WHERE seq = 3`)
	must(t, db.Close())
	for range 2 {
		again, alarms, err := Open(db.dir, c.Now)
		must(t, err)
		if len(alarms) != 1 || !strings.Contains(alarms[0], "Event 3 of the audit chain was changed") {
			t.Errorf("alarms %q", alarms)
		}
		must(t, again.Audit("tess", "looked", "audit", ""))
		must(t, again.Close())
	}
}

// The anchor that cannot be written is ill health, not a failed signature.
func TestAnchorUnwritable(t *testing.T) {
	t.Parallel()
	db, _ := chain(t)
	good := db.anchor.path
	db.anchor.path = filepath.Join(db.dir, "gone", "audit.head")
	must(t, db.Audit("tess", "did", "x", ""))
	if s := db.Problems()["anchor"]; !strings.Contains(s, "end of the audit chain") {
		t.Errorf("problems %v", db.Problems())
	}
	db.anchor.path = good
	must(t, db.Audit("tess", "did", "x", ""))
	if p := db.Problems(); len(p) > 0 {
		t.Errorf("problems %v", p)
	}
	must(t, db.Verify())
}

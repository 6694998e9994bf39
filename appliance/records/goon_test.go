package records

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stairgate/config/identity"
)

// goingOn is what the page that warns makes of a person at a device.
func goingOn(author string, mac identity.MAC) identity.Unblock {
	return identity.Unblock{Name: "shop.example", Device: mac, Reason: "Paint for the art table", Author: author}
}

func device(n int) identity.MAC { return identity.MAC{2, 0, 0, 0, 1, byte(n)} }

// Whoever is warned and goes on is on record by name; what they wrote is not in the
// audit, from which nothing could take it out.
func TestGoingOnFromAWarning(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	u, err := db.GoOn(goingOn("Amina Khan", macA), identity.Shopping, 30*time.Minute)
	must(t, err)
	all, err := db.LiveUnblocks(c.Now())
	must(t, err)
	if !u.Warned || u.Author != "Amina Khan" || len(all) != 1 || all[0] != u {
		t.Errorf("made %+v, kept %+v", u, all)
	}
	events, err := db.Events(0, 1)
	must(t, err)
	e := events[0]
	if e.Verb != "went on" || e.Actor != "Amina Khan" || e.Object != "device:"+macA.String() || !strings.HasPrefix(e.Detail, "a site in the category shopping for 30m0s, opening 1, record ") {
		t.Errorf("the audit says %+v", e)
	}
	if strings.Contains(e.Detail, "Paint") || strings.Contains(e.Detail, "example") {
		t.Errorf("the audit holds their words for ever: %s", e.Detail)
	}
	id, ok := e.OpeningOf()
	if o, found, err := db.Opening(id); !ok || !found || err != nil || o.Reason != "Paint for the art table" || o.Name != "shop.example" {
		t.Errorf("the event leads to %d, %v: %+v, %v, %v", id, ok, o, found, err)
	}
	must(t, db.Verify())

	for name, bad := range map[string]identity.Unblock{
		"every device of a person": {Name: "shop.example", Person: "Amina Khan", Reason: "x", Author: "Amina Khan"},
		"nobody":                   {Name: "shop.example", Device: macA, Reason: "x"},
		"a whole category":         {Category: identity.Shopping, Device: macA, Reason: "x", Author: "Amina Khan"},
	} {
		if _, err := db.GoOn(bad, identity.Shopping, time.Minute); !errors.Is(err, ErrUnblockWhom) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// No device, no person and not all of them together take what is there for others.
func TestGoingOnIsBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	try := func(author string, mac identity.MAC) error {
		t.Helper()
		_, err := db.GoOn(goingOn(author, mac), "", 30*time.Minute)
		return err
	}
	// A person, at one device after the other, however they write their name.
	for i := range maxWarned {
		must(t, try([]string{"Élodie Noir", "élodie  NOIR"}[i%2], device(i)))
	}
	if err := try("Élodie Noir", device(200)); !errors.Is(err, ErrWarnedMany) {
		t.Errorf("one too many of a person: %v", err)
	}
	// A device, whoever sits at it.
	for i := range maxWarned {
		must(t, try(fmt.Sprintf("Guest %c", 'A'+i), macA))
	}
	if err := try("Sam Lee", macA); !errors.Is(err, ErrWarnedMany) {
		t.Errorf("one too many at a device: %v", err)
	}
	// What the technician closes was gone on to all the same.
	must(t, db.EndUnblock("tess", maxWarned+1))
	if err := try("Sam Lee", macA); !errors.Is(err, ErrWarnedMany) {
		t.Errorf("after one was closed: %v", err)
	}
	must(t, try("Sam Lee", macB))

	// All together.
	for i := 0; ; i++ {
		live, err := db.LiveUnblocks(c.Now())
		must(t, err)
		if len(live) == maxLiveWarned {
			break
		}
		must(t, try(fmt.Sprintf("Somebody %d", i), device(20+i)))
	}
	if err := try("Nadia Late", macB); !errors.Is(err, ErrWarnedFull) {
		t.Errorf("one too many of all: %v", err)
	}
	// The head's own are untouched by that, to the last, and leave room for them.
	for range maxLiveUnblocks {
		_, err := db.Unblock("head", site("a.example"), time.Hour)
		must(t, err)
	}
	if _, err := db.Unblock("head", site("a.example"), time.Hour); !errors.Is(err, ErrUnblockMany) {
		t.Errorf("one too many of the head: %v", err)
	}
	c.Advance(30 * time.Minute)
	must(t, try("Élodie Noir", macA))
}

// A person who has their rows erased takes with them where they went on to and what they
// wrote. That they went on, when, where and of which category stays in the chain.
func TestErasingTakesTheirWords(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := t.TempDir()
	db := openClean(t, dir, c)
	say := func(author string, mac identity.MAC, name, reason string) identity.Unblock {
		t.Helper()
		u, err := db.GoOn(identity.Unblock{Name: name, Device: mac, Reason: reason, Author: author}, identity.Shopping, 30*time.Minute)
		must(t, err)
		return u
	}
	over := say("Xanthippe Quill", macA, "xyzzyshop.example", "xyzzyreason of last week")
	c.Advance(7 * 24 * time.Hour)
	runs := say("Xanthippe Quill", macA, "xyzzymall.example", "xyzzyreason of today")
	other := say("Jane Doe", macB, "plugh.example", "plughreason")
	_, err := db.Unblock("head", identity.Unblock{Category: identity.Social, Person: "Xanthippe Quill", Reason: "the open day"}, time.Hour)
	must(t, err)
	must(t, db.Verify())

	_, err = db.EraseQueries("tess", Subject{Person: "xanthippe  QUILL"}, "asked for by her")
	must(t, err)
	for _, u := range []identity.Unblock{over, runs} {
		o, ok, err := db.Opening(u.ID)
		if err != nil || !ok || o.Name != "(erased)" || o.Reason != "The site and the reason were erased with the query log." || o.Author != "Xanthippe Quill" || o.Device != macA || !o.From.Equal(u.From) {
			t.Errorf("left is %+v, %v, %v", o, ok, err)
		}
	}
	live, err := db.LiveUnblocks(c.Now())
	must(t, err)
	if len(live) != 2 || live[0] != other || live[1].Reason != "the open day" {
		t.Errorf("there run %+v", live)
	}
	// Not in the bytes, of any file: neither in pages that were changed nor in the log.
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	seen := false
	for _, name := range files {
		b, err := os.ReadFile(name)
		must(t, err)
		if bytes.Contains(b, []byte("xyzzy")) {
			t.Errorf("%s still holds their words", filepath.Base(name))
		}
		seen = seen || bytes.Contains(b, []byte("plughreason"))
	}
	if !seen {
		t.Error("this test cannot see words in the files")
	}
	events, err := db.Events(0, 2)
	must(t, err)
	if events[0].Detail != "0 rows, and 2 × where they went on to from a warning, and why: asked for by her" {
		t.Errorf("the audit says %+v", events[0])
	}
	must(t, db.Verify())

	// A device, whoever sat at it; and nothing is erased twice.
	_, err = db.EraseQueries("tess", Subject{MAC: macB}, "given back")
	must(t, err)
	if o, _, err := db.Opening(other.ID); err != nil || o.Name != "(erased)" {
		t.Errorf("of the device is left %+v, %v", o, err)
	}
	_, err = db.EraseQueries("tess", Subject{MAC: macB}, "given back")
	must(t, err)
	if events, err := db.Events(0, 1); err != nil || events[0].Detail != "0 rows: given back" {
		t.Errorf("erased twice: %+v, %v", events, err)
	}
	must(t, db.Verify())
}

// The words are outside the chain and are bound by it all the same.
func TestWordsThatWereChangedAreFound(t *testing.T) {
	t.Parallel()
	const changed = "went on to from a warning on 5 January 2026 was changed"
	for name, x := range map[string]struct {
		statement string
		want      string // "" where nothing is wrong
	}{
		"the reason":             {`UPDATE unblocks SET reason = 'another'`, changed},
		"the site":               {`UPDATE unblocks SET name = 'news.example'`, changed},
		"the author":             {`UPDATE unblocks SET author = 'Jane Doe'`, changed},
		"the salt":               {`UPDATE unblocks SET salt = x''`, changed},
		"erased by nobody":       {`UPDATE unblocks SET name = '(erased)', reason = '', salt = x'', erased = 1`, changed},
		"one more":               {`INSERT INTO unblocks (name, mac, started, until, reason, author, warned, salt) VALUES ('a.example', '02:00:00:00:00:0a', 1, 2, 'x', 'Jane Doe', 1, x'00')`, "went on to from a warning on 1 January 1970"},
		"closed before its time": {`UPDATE unblocks SET ended_at = 1`, ""},
		"no longer kept":         {`DELETE FROM unblocks`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openClean(t, t.TempDir(), newClock())
			// An erasure from before is none of what came after it.
			_, err := db.EraseQueries("tess", Subject{MAC: macA}, "given back")
			must(t, err)
			_, err = db.GoOn(goingOn("Amina Khan", macA), identity.Shopping, 30*time.Minute)
			must(t, err)
			must(t, db.Verify())
			doctor(t, db, x.statement)
			err = db.Verify()
			var tampered *TamperError
			if x.want == "" && err != nil || x.want != "" && (!errors.As(err, &tampered) || !strings.Contains(tampered.Sentence, x.want)) {
				t.Errorf("said %v, want %q", err, x.want)
			}
		})
	}
}

// What an older version wrote says all in the chain, and is left as it is there.
func TestGoingOnOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	db := openClean(t, t.TempDir(), newClock())
	doctor(t, db, `INSERT INTO unblocks (name, mac, started, until, reason, author, warned) VALUES ('shop.example', '02:00:00:00:00:0a', 1, 2, 'paint', 'Amina Khan', 1)`)
	must(t, db.Audit("Amina Khan", "went on", "device:"+macA.String(), "shop.example for 30m0s: opening 1, record"))
	must(t, db.Verify())
	events, err := db.Events(0, 1)
	must(t, err)
	if id, ok := events[0].OpeningOf(); ok {
		t.Errorf("taken for opening %d", id)
	}
	_, err = db.EraseQueries("tess", Subject{MAC: macA}, "given back")
	must(t, err)
	if o, _, err := db.Opening(1); err != nil || o.Reason == "paint" {
		t.Errorf("left is %+v, %v", o, err)
	}
	must(t, db.Verify())
}

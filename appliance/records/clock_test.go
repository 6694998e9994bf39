package records

import (
	"testing"
	"time"

	"stairgate/config/identity"
)

func TestWhichClockIsBelieved(t *testing.T) {
	t.Parallel()
	floor := time.Date(2026, 9, 14, 8, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		ahead, steady time.Duration
		believed      bool
		next          time.Duration // of floor
	}{
		"an hour later":                      {time.Hour, 0, true, time.Hour},
		"after a weekend":                    {3 * day, 0, true, 3 * day},
		"after the summer, just switched on": {42 * day, time.Minute, false, 0},
		"after the summer, hours later":      {42 * day, 6 * time.Hour, true, 42 * day},
		"a jump by years":                    {3650 * day, time.Minute, false, 0},
		"a jump by years that stays a while": {3650 * day, 6 * time.Hour, false, 400 * day},
		"in the past, just switched on":      {-300 * day, 0, true, 0},
		"in the past, and it stays so":       {-300 * day, 6 * time.Hour, true, -300 * day},
	} {
		t.Run(name, func(t *testing.T) {
			believed, next := believe(floor, floor.Add(c.ahead), c.steady)
			if believed != c.believed || !next.Equal(floor.Add(c.next)) {
				t.Errorf("believed %v, floor moved by %v", believed, next.Sub(floor))
			}
		})
	}
}

// A clock that jumps years ahead costs nothing; one that is really so far ahead
// is believed in the end.
func TestAJumpAheadForgetsNothing(t *testing.T) {
	t.Parallel()
	c := newClock()
	built := c.Now().AddDate(0, -3, 0)
	dir := t.TempDir()
	db := openClean(t, dir, c)
	may := func(steady time.Duration) bool {
		t.Helper()
		ok, err := db.MayForget(c.Now(), built, steady)
		must(t, err)
		return ok
	}
	if !may(0) {
		t.Fatal("the clock of a new box is not believed")
	}
	if c.Advance(time.Hour); !may(time.Hour) {
		t.Fatal("an ordinary clock is not believed")
	}
	right := c.Now()
	c.Advance(10 * 365 * 24 * time.Hour)
	for _, steady := range []time.Duration{0, time.Hour, 5 * time.Hour} {
		if may(steady) {
			t.Errorf("ten years ahead are believed after %v", steady)
		}
	}
	// Over a restart too, and the records that the wrong clock writes do not help it.
	_, _, err := db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	must(t, db.Writable())
	must(t, db.Close())
	db = openClean(t, dir, c)
	if may(0) {
		t.Error("ten years ahead are believed after a restart")
	}
	// Put right: business as usual.
	c.Advance(right.Add(time.Hour).Sub(c.Now()))
	if !may(0) {
		t.Error("the right time is not believed")
	}
	// Really ten years in a cupboard.
	c.Advance(10 * 365 * 24 * time.Hour)
	tries := 0
	for ; !may(6 * time.Hour); tries++ {
		if tries > 20 {
			t.Fatal("never believed")
		}
		c.Advance(6 * time.Hour)
	}
	if tries < 5 {
		t.Errorf("believed after %d steps of six hours", tries)
	}
}

// A box without a battery clock starts somewhere in the past and is put right minutes
// later: on a new one that is no jump to be told of.
func TestANewBoxIsPutRight(t *testing.T) {
	t.Parallel()
	c := newClock()
	built := c.Now()
	db := openClean(t, t.TempDir(), c)
	for _, ahead := range []time.Duration{-10 * 365 * 24 * time.Hour, 10*365*24*time.Hour + 90*24*time.Hour} {
		c.Advance(ahead)
		if ok, err := db.MayForget(c.Now(), built, 0); err != nil || !ok {
			t.Errorf("%v: the clock of a new box is not believed: %v", c.Now(), err)
		}
	}
	// From then on it is one.
	c.Advance(firstLook)
	if ok, err := db.MayForget(c.Now(), built, firstLook); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
	c.Advance(60 * 24 * time.Hour)
	if ok, err := db.MayForget(c.Now(), built, 0); err != nil || ok {
		t.Errorf("two months ahead: %v, %v", ok, err)
	}
}

// A session that was over stays over when the clock is put back.
func TestAClockPutBackBringsNothingToLife(t *testing.T) {
	t.Parallel()
	for name, seen := range map[string]bool{"the program saw the end": true, "the program died before": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			dir := t.TempDir()
			db := openClean(t, dir, c)
			in := signIn(c, "Jane Doe", macA)
			in.Until = c.Now().Add(time.Hour)
			_, _, err := db.Sign(in)
			must(t, err)
			_, err = db.Unblock("tess", identity.Unblock{Name: "example.com", Device: macA, Reason: "a talk"}, time.Hour)
			must(t, err)
			live := func(when string, want int) {
				t.Helper()
				sessions, err := db.LiveSessions(c.Now())
				must(t, err)
				openings, err := db.LiveUnblocks(c.Now())
				must(t, err)
				if len(sessions) != want || len(openings) != want {
					t.Errorf("%s: %d sessions and %d openings live, want %d", when, len(sessions), len(openings), want)
				}
			}
			must(t, db.EndPassed(c.Now()))
			live("in time", 1)
			c.Advance(time.Hour)
			if seen {
				must(t, db.EndPassed(c.Now()))
			} else {
				must(t, db.Writable()) // the last look at the clock
				must(t, db.Close())
				c.Advance(-30 * time.Minute)
				db = openClean(t, dir, c)
				c.Advance(30 * time.Minute)
			}
			live("at its end", 0)
			c.Advance(-30 * time.Minute)
			live("after the clock was put back", 0)
			s, err := db.Sessions(SessionFilter{})
			must(t, err)
			if len(s) != 1 || !s[0].EndedAt.Equal(s[0].Until) || s[0].EndedWhy != "ran out" {
				t.Errorf("on record: %+v", s)
			}
			// Signing again works at the old time as ever.
			_, _, err = db.Sign(signIn(c, "Jane Doe", macA))
			must(t, err)
		})
	}
}

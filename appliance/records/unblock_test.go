package records

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stairgate/config/identity"
)

// site opens a site for a device, as the admin page does.
func site(name string) identity.Unblock {
	return identity.Unblock{Name: name, Device: macA, Reason: "Phonics video for Sunflowers"}
}

func TestUnblockRunsAndEndsByTheClock(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	u, err := db.Unblock("mr.kaya", site("vimeo.com"), 20*time.Minute)
	must(t, err)
	if u.ID == 0 || u.Author != "mr.kaya" || !u.From.Equal(c.Now()) || !u.Until.Equal(c.Now().Add(20*time.Minute)) {
		t.Errorf("made %+v", u)
	}
	live := func() int {
		t.Helper()
		all, err := db.LiveUnblocks(c.Now())
		must(t, err)
		return len(all)
	}
	if live() != 1 {
		t.Fatal("it does not run")
	}
	c.Advance(20*time.Minute - time.Microsecond)
	if live() != 1 {
		t.Error("it ended early")
	}
	c.Advance(time.Microsecond)
	if live() != 0 {
		t.Error("it runs on past its end")
	}
	// A clock that wakes in the past does not bring it back.
	c.Advance(-24 * time.Hour)
	if live() != 0 {
		t.Error("a clock in the past brought an opening back")
	}
	if all, err := db.Unblocks(0); err != nil || len(all) != 1 || !all[0].EndedAt.IsZero() {
		t.Errorf("kept %+v, %v", all, err)
	}
	must(t, db.Verify())
}

func TestUnblockIsEndedByHand(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	u, err := db.Unblock("mr.kaya", identity.Unblock{Category: identity.Social, Person: "  Amina   Khan", Reason: "a report"}, time.Hour)
	must(t, err)
	if u.Person != "Amina Khan" {
		t.Errorf("the name is kept as %q", u.Person)
	}
	must(t, db.EndUnblock("ms.ahmed", u.ID))
	if all, err := db.LiveUnblocks(c.Now()); err != nil || len(all) != 0 {
		t.Errorf("still runs: %+v, %v", all, err)
	}
	if err := db.EndUnblock("ms.ahmed", u.ID); !errors.Is(err, ErrNoUnblock) {
		t.Errorf("ended twice: %v", err)
	}
	events, err := db.Events(0, 2)
	must(t, err)
	if events[0].Verb != "closed" || events[1].Verb != "opened" || events[1].Object != "person:Amina Khan" || !strings.Contains(events[1].Detail, "category social for 1h0m0s: a report") {
		t.Errorf("the audit says %+v", events)
	}
}

func TestUnblockRefusals(t *testing.T) {
	t.Parallel()
	db := openClean(t, t.TempDir(), newClock())
	for name, x := range map[string]struct {
		u    identity.Unblock
		d    time.Duration
		want error
	}{
		"nothing":         {identity.Unblock{Device: macA, Reason: "x"}, time.Minute, ErrUnblockWhat},
		"both":            {identity.Unblock{Name: "a.example", Category: identity.Chat, Device: macA, Reason: "x"}, time.Minute, ErrUnblockWhat},
		"no category":     {identity.Unblock{Category: "cats", Device: macA, Reason: "x"}, time.Minute, ErrUnblockWhat},
		"upper case":      {identity.Unblock{Name: "A.example", Device: macA, Reason: "x"}, time.Minute, ErrUnblockWhat},
		"pornography":     {identity.Unblock{Category: identity.Pornography, Device: macA, Reason: "x"}, time.Minute, ErrUnblockLocked},
		"illegal":         {identity.Unblock{Category: identity.Illegal, Person: "Amina Khan", Reason: "x"}, time.Minute, ErrUnblockLocked},
		"malware":         {identity.Unblock{Category: identity.Malware, Device: macA, Reason: "x"}, time.Minute, ErrUnblockLocked},
		"nobody":          {identity.Unblock{Name: "a.example", Reason: "x"}, time.Minute, ErrUnblockWhom},
		"two":             {identity.Unblock{Name: "a.example", Device: macA, Person: "Amina Khan", Reason: "x"}, time.Minute, ErrUnblockWhom},
		"no reason":       {identity.Unblock{Name: "a.example", Device: macA, Reason: " \t"}, time.Minute, ErrUnblockReason},
		"half a name":     {identity.Unblock{Name: "a.example", Person: "Amina", Reason: "x"}, time.Minute, ErrNameShort},
		"for ever":        {identity.Unblock{Name: "a.example", Device: macA, Reason: "x"}, 9 * time.Hour, ErrUnblockLong},
		"not for a while": {identity.Unblock{Name: "a.example", Device: macA, Reason: "x"}, 0, ErrUnblockLong},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := db.Unblock("mr.kaya", x.u, x.d); !errors.Is(err, x.want) {
				t.Errorf("got %v, want %v", err, x.want)
			}
		})
	}
	if all, err := db.Unblocks(0); err != nil || len(all) != 0 {
		t.Errorf("a refused opening was kept: %+v, %v", all, err)
	}
}

// The command line looks at the openings of a box that runs, without its lock.
func TestPeekUnblocks(t *testing.T) {
	t.Parallel()
	c, dir := newClock(), t.TempDir()
	if all, err := PeekUnblocks(dir, c.Now()); err != nil || len(all) != 0 {
		t.Errorf("without records: %v, %v", all, err)
	}
	db := openClean(t, dir, c)
	u, err := db.Unblock("mr.kaya", site("vimeo.com"), 20*time.Minute)
	must(t, err)
	for range 2 {
		all, err := PeekUnblocks(dir, c.Now())
		if err != nil || len(all) != 1 || all[0] != u {
			t.Errorf("%+v, %v; want %+v", all, err, u)
		}
	}
	if all, err := PeekUnblocks(dir, c.Now().Add(20*time.Minute)); err != nil || len(all) != 0 {
		t.Errorf("after its end: %v, %v", all, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "records.db"), []byte("not a database, but long enough to be looked at"), 0o600))
	if _, err := PeekUnblocks(dir, c.Now()); err == nil {
		t.Error("nonsense was read")
	}
}

func TestUnblocksAreBounded(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	for range maxLiveUnblocks {
		_, err := db.Unblock("mr.kaya", site("a.example"), time.Hour)
		must(t, err)
	}
	if _, err := db.Unblock("mr.kaya", site("a.example"), time.Hour); !errors.Is(err, ErrUnblockMany) {
		t.Errorf("one too many: %v", err)
	}
	c.Advance(2 * time.Hour)
	_, err := db.Unblock("mr.kaya", site("a.example"), time.Hour)
	must(t, err)
	c.Advance(2 * keepSessions * 24 * time.Hour)
	must(t, db.Prune(c.Now()))
	if all, err := db.Unblocks(0); err != nil || len(all) != 0 {
		t.Errorf("%d are kept for ever, %v", len(all), err)
	}
}

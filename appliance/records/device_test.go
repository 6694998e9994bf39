package records

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"stairgate/config/identity"
)

func TestApproveNeedsEveryFact(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	for name, tc := range map[string]struct {
		change func(*Approval)
		want   error
	}{
		"no name":            {func(a *Approval) { a.Name = "  " }, ErrDeviceName},
		"name too long":      {func(a *Approval) { a.Name = strings.Repeat("x", 101) }, ErrDeviceName},
		"name with controls": {func(a *Approval) { a.Name = "a\x1bb" }, ErrDeviceName},
		"no owner":           {func(a *Approval) { a.Owner = "" }, ErrOwner},
		"no group":           {func(a *Approval) { a.Group = " " }, ErrGroup},
		"no anti-virus":      {func(a *Approval) { a.AVProduct = "" }, ErrAVProduct},
		"no date":            {func(a *Approval) { a.AVChecked = time.Time{} }, ErrAVChecked},
		"tomorrow":           {func(a *Approval) { a.AVChecked = c.Now().AddDate(0, 0, 1) }, ErrAVFuture},
		"endless note":       {func(a *Approval) { a.Note = strings.Repeat("x", 1001) }, ErrText},
		"later today":        {func(a *Approval) { a.AVChecked = c.Now().Add(10 * time.Hour) }, nil},
		"last year":          {func(a *Approval) { a.AVChecked = c.Now().AddDate(-1, 0, 0) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := approval(c)
			tc.change(&a)
			if err := db.Approve("tess", macA, a); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

// "Today" is the school's: half past midnight in summer is yesterday in UTC.
func TestApproveTodayInTheSchool(t *testing.T) {
	t.Parallel()
	summer := time.FixedZone("BST", 3600)
	now := func() time.Time { return time.Date(2026, 7, 2, 0, 30, 0, 0, summer) }
	db, _, err := Open(t.TempDir(), now)
	must(t, err)
	defer db.Close()
	a := Approval{Name: "n", Owner: "o", Group: "staff", AVProduct: "p", AVChecked: time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC)}
	must(t, db.Approve("tess", macA, a))
	a.AVChecked = a.AVChecked.AddDate(0, 0, 1)
	if err := db.Approve("tess", macA, a); !errors.Is(err, ErrAVFuture) {
		t.Errorf("tomorrow: %v", err)
	}
}

func TestDeviceLife(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	start := c.Now()
	isNew, err := db.Seen(macA, "school", "LAPTOP-3", start)
	if err != nil || !isNew {
		t.Fatalf("first sight: %v %v", isNew, err)
	}
	check := func(want Device) {
		t.Helper()
		got, ok, err := db.Device(macA)
		if err != nil || !ok {
			t.Fatalf("%v %v", ok, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("device (-want +got):\n%s", d)
		}
	}
	want := Device{MAC: macA, State: Waiting, Hostname: "LAPTOP-3", Zone: "school", FirstSeen: start, LastSeen: start}
	check(want)

	must(t, db.Approve("tess", macA, approval(c)))
	want.State, want.Name, want.Owner, want.Group, want.AVProduct = Approved, "Office laptop", "Jane Doe", "staff", "Defender"
	want.AVChecked, want.ApprovedBy, want.ApprovedAt = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), "tess", start
	check(want)

	if err := db.Revoke("tess", macA, " "); !errors.Is(err, ErrReason) {
		t.Errorf("revoking without a reason: %v", err)
	}
	if err := db.Revoke("tess", macB, "lost"); !errors.Is(err, ErrNoDevice) {
		t.Errorf("revoking what was never there: %v", err)
	}
	must(t, db.Revoke("tess", macA, "lost on a bus"))
	want.State, want.RevokedBy, want.RevokedAt, want.Reason = Revoked, "tess", start, "lost on a bus"
	check(want)

	must(t, db.Approve("tess", macA, approval(c)))
	want.State, want.RevokedBy, want.RevokedAt, want.Reason = Approved, "", time.Time{}, ""
	check(want)

	must(t, db.Approve("tess", macB, approval(c))) // in advance
	devices, err := db.Devices()
	if err != nil || len(devices) != 2 {
		t.Errorf("%d devices, %v", len(devices), err)
	}
	must(t, db.Verify())
}

func TestRevokeEndsTheSessionWithIt(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	_, _, err := db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	_, _, err = db.Sign(signIn(c, "John Roe", macB))
	must(t, err)
	must(t, db.Revoke("tess", macA, "lost"))
	live, err := db.LiveSessions(c.Now())
	must(t, err)
	if len(live) != 1 || live[0].MAC != macB {
		t.Errorf("live after the revocation: %+v", live)
	}
	if _, _, err := db.Sign(signIn(c, "Jane Doe", macA)); !errors.Is(err, ErrRevoked) {
		t.Errorf("signing on a revoked device: %v", err)
	}
	if _, err := db.Continue(macA, addrA, "3", c.Now().Add(time.Hour)); !errors.Is(err, ErrRevoked) {
		t.Errorf("continuing on a revoked device: %v", err)
	}
}

func TestSeenWritesRarely(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	start := c.Now()
	see := func(zone, host string, at time.Time) Device {
		t.Helper()
		_, err := db.Seen(macA, zone, host, at)
		must(t, err)
		d, _, err := db.Device(macA)
		must(t, err)
		return d
	}
	see("school", "pc", start)
	if d := see("school", "pc", start.Add(9*time.Minute)); d.LastSeen != start {
		t.Error("written again after nine minutes")
	}
	if d := see("school", "pc", start.Add(10*time.Minute)); d.LastSeen == start {
		t.Error("not written after ten minutes")
	}
	if d := see("guest", "pc", start.Add(11*time.Minute)); d.Zone != "guest" {
		t.Error("a move was not written")
	}
	if d := see("guest", "new\u202ename\n", start.Add(12*time.Minute)); d.Hostname != "newname" {
		t.Errorf("host name %q", d.Hostname)
	}
	if d := see("guest", "", start.Add(30*time.Minute)); d.Hostname != "newname" || d.LastSeen != start.Add(30*time.Minute) {
		t.Errorf("an empty host name replaced the known one: %+v", d)
	}
	if d := see("guest", "", start.Add(-time.Hour)); d.LastSeen != start.Add(-time.Hour) {
		t.Error("a clock put back is not written")
	}
}

// A flood of made-up addresses pushes out its own, never a device that somebody
// approved or signed on.
func TestFloodOfUnknownDevices(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	must(t, db.Approve("tess", macA, approval(c)))
	_, _, err := db.Sign(signIn(c, "Jane Doe", macB))
	must(t, err)
	must(t, db.write(admitting, "flooding", func(tx *tx) error {
		for i := range maxWaiting + 50 {
			if _, err := tx.seen(identity.MAC{6, 0, 0, 0, byte(i >> 8), byte(i)}, seen{at: c.Advance(time.Second)}); err != nil {
				return err
			}
		}
		return nil
	}))
	devices, err := db.Devices()
	must(t, err)
	if n := len(devices); n != maxWaiting+1 {
		t.Errorf("%d devices are kept, want %d waiting and 1 approved", n, maxWaiting)
	}
	for _, mac := range []identity.MAC{macA, macB} {
		if _, ok, err := db.Device(mac); err != nil || !ok {
			t.Errorf("%v was pushed out: %v", mac, err)
		}
	}
}

func TestPruneForgetsOldSessionsAndUnknownDevices(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	_, err := db.Seen(identity.MAC{6}, "school", "visitor", c.Now())
	must(t, err)
	sig, _, err := db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	must(t, db.Approve("tess", macB, approval(c)))
	now := c.Advance(401 * 24 * time.Hour)
	_, _, err = db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	must(t, db.Prune(now))
	sessions, err := db.Sessions(SessionFilter{})
	must(t, err)
	if len(sessions) != 1 {
		t.Errorf("%d sessions, want only the new one", len(sessions))
	}
	if devices, err := db.Devices(); err != nil || len(devices) != 2 {
		t.Errorf("%d devices, want the signed and the approved one: %v", len(devices), err)
	}
	if _, ok, err := db.Signature(sig.ID); !ok || err != nil {
		t.Errorf("a signature was forgotten: %v", err)
	}
	must(t, db.Verify())
}

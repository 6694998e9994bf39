package records

import (
	"errors"
	"strings"
	"testing"
	"time"

	"stairgate/config/identity"
)

func TestEndingManySessions(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	for i := range 4 {
		_, _, err := db.Sign(signIn(c, "Jane Doe", identity.MAC{2, byte(i)}))
		must(t, err)
	}
	live := func() int {
		t.Helper()
		s, err := db.LiveSessions(c.Now())
		must(t, err)
		return len(s)
	}
	if _, err := db.EndSessions("tess", "everybody", nil, " "); !errors.Is(err, ErrLookupReason) || live() != 4 {
		t.Errorf("without a reason: %v, %d live", err, live())
	}
	// A group with nobody in it is not everybody.
	n, err := db.EndSessions("tess", "group:visitors", []identity.MAC{}, "a drill")
	if err != nil || n != 0 || live() != 4 {
		t.Errorf("%d ended, %d live, %v", n, live(), err)
	}
	n, err = db.EndSessions("tess", "group:staff", []identity.MAC{{2, 0}, {2, 1}, {9, 9}}, "a drill")
	if err != nil || n != 2 || live() != 2 {
		t.Errorf("%d ended, %d live, %v", n, live(), err)
	}
	n, err = db.EndSessions("tess", "everybody", nil, "closing")
	if err != nil || n != 2 || live() != 0 {
		t.Errorf("%d ended, %d live, %v", n, live(), err)
	}
	head, _, err := db.Head()
	must(t, err)
	if head.Actor != "tess" || head.Verb != "ended all sessions" || head.Object != "everybody" || head.Detail != "2 ended: closing" {
		t.Errorf("the audit says %+v", head)
	}
	all, err := db.Sessions(SessionFilter{})
	must(t, err)
	for _, s := range all {
		if !strings.Contains(s.EndedWhy, "tess") || s.EndedAt.IsZero() {
			t.Errorf("session %+v", s)
		}
	}
	// What is ended stays so, whatever the clock says next.
	c.Advance(-time.Hour)
	if n := live(); n != 0 {
		t.Errorf("%d live after the clock was put back", n)
	}
	must(t, db.Verify())
}

package records

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"stairgate/config/identity"
)

func TestSignKeepsTheWholeForm(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	must(t, db.Approve("tess", macA, approval(c)))
	in := signIn(c, "  jane   DOE ", macA)
	in.JobTitle = " Teaching  assistant "
	sig, sess, err := db.Sign(in)
	must(t, err)
	stored, ok, err := db.Signature(sig.ID)
	if err != nil || !ok || stored != sig {
		t.Fatalf("stored %+v, returned %+v, %v", stored, sig, err)
	}
	if sig.FullName != "jane DOE" || sig.JobTitle != "Teaching assistant" || sig.DeviceName != "Office laptop" || sig.Addr != addrA || sig.MAC != macA || sig.SignedAt != c.Now() {
		t.Errorf("signature %+v", sig)
	}
	const text = "Acceptable use\nVersion 3\n\n1. I keep my password to myself.\n\n2. I log off when I have finished.\n"
	if sig.PolicyText != text || sig.PolicySHA256 != sha256Hex(text) || sig.PolicyVersion != "3" || sig.PolicyTitle != "Acceptable use" {
		t.Errorf("policy kept: %q %s", sig.PolicyText, sig.PolicySHA256)
	}
	live, err := db.LiveSessions(c.Now())
	if err != nil || len(live) != 1 || live[0] != sess || sess.Signature != sig.ID || sess.FullName != "jane DOE" || sess.Until != in.Until {
		t.Errorf("live %+v, returned %+v, %v", live, sess, err)
	}
	events, err := db.Events(0, 1)
	must(t, err)
	if e := events[0]; e.Verb != "signed" || e.Actor != "person:jane DOE" || !strings.Contains(e.Detail, sig.digest()) {
		t.Errorf("event %+v", e)
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	for name, tc := range map[string]struct {
		change func(*SignIn)
		want   error
	}{
		"no name":     {func(in *SignIn) { in.FullName = "" }, ErrNameMissing},
		"one word":    {func(in *SignIn) { in.FullName = "Jane" }, ErrNameShort},
		"no title":    {func(in *SignIn) { in.JobTitle = " " }, ErrTitleMissing},
		"no clauses":  {func(in *SignIn) { in.Policy.Clauses = nil }, errPolicyMissing},
		"over by now": {func(in *SignIn) { in.Until = c.Now() }, errUntilPassed},
	} {
		t.Run(name, func(t *testing.T) {
			in := signIn(c, "Jane Doe", macA)
			tc.change(&in)
			_, _, err := db.Sign(in)
			if !errors.Is(err, tc.want) || errors.Is(err, ErrNotWritten) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
	if sigs, err := db.Signatures(SignatureFilter{}); err != nil || len(sigs) != 0 {
		t.Errorf("a refused form was recorded: %v %v", sigs, err)
	}
}

func TestDoubleClick(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	first, sess, err := db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	sign := func(name string) (Signature, Session) {
		t.Helper()
		s, v, err := db.Sign(signIn(c, name, macA))
		must(t, err)
		return s, v
	}
	c.Advance(59 * time.Second)
	if s, v := sign("JANE  doe"); s != first || v != sess {
		t.Errorf("a double click made signature %d, session %d", s.ID, v.ID)
	}
	if s, _ := sign("John Roe"); s.ID == first.ID {
		t.Error("another person got Jane's signature")
	}
	s, _ := sign("Jane Doe")
	if s.ID == first.ID {
		t.Error("John's session went on under Jane's old signature")
	}
	must(t, db.EndSession(macA, "signed out", c.Now()))
	if again, _ := sign("Jane Doe"); again.ID == s.ID {
		t.Error("signing after signing out gave the old signature")
	}
	last, _ := sign("Jane Doe")
	c.Advance(time.Minute)
	if later, _ := sign("Jane Doe"); later.ID == last.ID {
		t.Error("a minute later it is still a double click")
	}
	live, err := db.LiveSessions(c.Now())
	if err != nil || len(live) != 1 {
		t.Errorf("%d live sessions of one device: %v", len(live), err)
	}
	must(t, db.Verify())
}

func TestOnePersonHoweverWritten(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	a, _, err := db.Sign(signIn(c, "Zoë O’Neil-Smith", macA))
	must(t, err)
	b, _, err := db.Sign(signIn(c, "zoe\u0308  O'NEIL‐SMITH", macB))
	must(t, err)
	if a.Person != b.Person {
		t.Errorf("two people: %d and %d", a.Person, b.Person)
	}
	other, _, err := db.Sign(signIn(c, "Zoe O'Neil-Smith", identity.MAC{2, 9}))
	must(t, err)
	if other.Person == a.Person {
		t.Error("an accent makes no difference")
	}
	sigs, err := db.Signatures(SignatureFilter{Name: "ZOË o'neil-smith"})
	if err != nil || len(sigs) != 2 {
		t.Errorf("%d signatures by that name: %v", len(sigs), err)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	_, first, err := db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	c.Advance(time.Hour)
	second, err := db.Continue(macA, addrA, "3", c.Now().Add(2*time.Hour))
	must(t, err)
	if second.Signature != first.Signature || second.FullName != "Jane Doe" {
		t.Errorf("continued as %+v", second)
	}
	all, err := db.Sessions(SessionFilter{Name: "jane doe"})
	must(t, err)
	if len(all) != 2 || all[1].EndedWhy != "signed again" || all[1].EndedAt != c.Now() {
		t.Errorf("sessions %+v", all)
	}
	if live, err := db.LiveSessions(second.Until.Add(-time.Microsecond)); err != nil || len(live) != 1 {
		t.Errorf("just before its end: %v %v", live, err)
	}
	if live, err := db.LiveSessions(second.Until); err != nil || len(live) != 0 {
		t.Errorf("at its end: %v %v", live, err)
	}
	if live, err := db.LiveSessions(second.Started.Add(-time.Hour)); err != nil || len(live) != 0 {
		t.Errorf("with the clock an hour back: %v %v", live, err)
	}
	before, _, err := db.Head()
	must(t, err)
	must(t, db.EndSession(macA, "signed out", c.Advance(10*time.Hour)))
	if after, _, err := db.Head(); err != nil || after != before {
		t.Errorf("ending what had run out is an event: %+v %v", after, err)
	}
	must(t, db.EndSession(macB, "signed out", c.Now())) // never had one
}

func TestKnownAndContinue(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	_, _, err := db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	c.Advance(time.Hour)
	_, _, err = db.Sign(signIn(c, "John Roe", macA))
	must(t, err)
	known := func(version string) string {
		t.Helper()
		m, err := db.Known(version)
		must(t, err)
		return m[macA]
	}
	if got := known("3"); got != "John Roe" {
		t.Errorf("known as %q, want the latest signer", got)
	}
	if got := known("4"); got != "" {
		t.Errorf("a new version is known to be signed by %q", got)
	}
	if _, err := db.Continue(macA, addrA, "4", c.Now().Add(time.Hour)); !errors.Is(err, ErrNotKnown) {
		t.Errorf("continuing on a version nobody signed: %v", err)
	}
	if _, err := db.Continue(macB, addrA, "3", c.Now().Add(time.Hour)); !errors.Is(err, ErrNotKnown) {
		t.Errorf("continuing on another device: %v", err)
	}
	c.Advance(365 * 24 * time.Hour)
	if got := known("3"); got != "" {
		t.Errorf("after a year still known as %q", got)
	}
	if _, err := db.Continue(macA, addrA, "3", c.Now().Add(time.Hour)); !errors.Is(err, ErrNotKnown) {
		t.Errorf("continuing after a year: %v", err)
	}
}

func TestSignatureFilters(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	start := c.Now()
	for i, name := range []string{"Jane Doe", "John Roe", "Jane Doe"} {
		in := signIn(c, name, identity.MAC{2, byte(i)})
		in.Addr = netip.Addr{}
		if i == 2 {
			in.Policy.Version = "4"
		}
		_, _, err := db.Sign(in)
		must(t, err)
		c.Advance(time.Hour)
	}
	for name, tc := range map[string]struct {
		f    SignatureFilter
		want string
	}{
		"all":     {SignatureFilter{}, "3 2 1"},
		"name":    {SignatureFilter{Name: "Jane Doe"}, "3 1"},
		"device":  {SignatureFilter{MAC: identity.MAC{2, 1}}, "2"},
		"version": {SignatureFilter{Version: "3"}, "2 1"},
		"time":    {SignatureFilter{Since: start.Add(time.Hour), Until: start.Add(2 * time.Hour)}, "2"},
		"page":    {SignatureFilter{Before: 3, Limit: 1}, "2"},
	} {
		sigs, err := db.Signatures(tc.f)
		must(t, err)
		var got []string
		for _, s := range sigs {
			got = append(got, string(rune('0'+s.ID)))
			if s.PolicyText != "" {
				t.Error("a list carries the policy's text")
			}
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %v, want %s", name, got, tc.want)
		}
	}
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	_, err := db.Seen(macB, "school", "", c.Now())
	must(t, err)
	_, err = db.Seen(identity.MAC{2, 7}, "school", "", c.Now().AddDate(0, -2, 0))
	must(t, err)
	_, _, err = db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	got, err := db.Coverage("3", c.Now())
	if want := (Coverage{Devices: 2, Signed: 1, People: 1, Waiting: 3}); err != nil || got != want {
		t.Errorf("coverage %+v, want %+v: %v", got, want, err)
	}
}

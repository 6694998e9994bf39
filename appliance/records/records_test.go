package records

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"stairgate/config/identity"
)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 1, 5, 8, 30, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
	return c.t
}

// openClean opens records that must open without an alarm.
func openClean(t testing.TB, dir string, c *clock) *DB {
	t.Helper()
	db, alarms, err := Open(dir, c.Now)
	if err != nil {
		t.Fatalf("opening: %v", err)
	}
	if len(alarms) > 0 {
		t.Fatalf("alarms: %q", alarms)
	}
	// No read may need a second connection while it holds one: it would hang here.
	db.file.r.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	macA  = identity.MAC{2, 0, 0, 0, 0, 0xa}
	macB  = identity.MAC{2, 0, 0, 0, 0, 0xb}
	addrA = netip.MustParseAddr("192.168.77.20")
	aup   = identity.Policy{Version: "3", Title: "Acceptable use", Clauses: []string{"I keep my password to myself.", "I log off when I have finished."}}
)

func signIn(c *clock, name string, mac identity.MAC) SignIn {
	return SignIn{FullName: name, JobTitle: "Teacher", MAC: mac, Addr: addrA, Zone: "school", Policy: aup, Until: c.Now().Add(8 * time.Hour)}
}

func approval(c *clock) Approval {
	return Approval{Name: "Office laptop", Owner: "Jane Doe", Group: "staff", AVProduct: "Defender", AVChecked: c.Now()}
}

func TestStartsEmptyAndKeepsEverything(t *testing.T) {
	t.Parallel()
	c, dir := newClock(), filepath.Join(t.TempDir(), "perm", "records")
	db := openClean(t, dir, c)
	has, err := db.HasAccount()
	if err != nil || has {
		t.Fatalf("a new box has an account: %v %v", has, err)
	}
	must(t, db.Writable())
	must(t, db.SetSetting("report", "2026-01-05"))
	sig, _, err := db.Sign(signIn(c, "Jane Doe", macA))
	must(t, err)
	must(t, db.Close())

	db = openClean(t, dir, c)
	if v, ok, err := db.Setting("report"); v != "2026-01-05" || !ok || err != nil {
		t.Errorf("setting after reopening: %q %v %v", v, ok, err)
	}
	got, ok, err := db.Signature(sig.ID)
	if err != nil || !ok || got != sig {
		t.Errorf("signature after reopening:\n got %+v\nwant %+v\n%v %v", got, sig, ok, err)
	}
	must(t, db.Verify())
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("others can read the records: %v %v", st.Mode(), err)
	}
}

func TestPragmas(t *testing.T) {
	t.Parallel()
	db := openClean(t, t.TempDir(), newClock())
	for _, c := range []struct {
		f      *file
		pragma string
		want   string
	}{
		{db.file, "journal_mode", "wal"},
		{db.file, "synchronous", "2"},
		{db.file, "foreign_keys", "1"},
		{db.file, "busy_timeout", "5000"},
		{db.queries.file, "journal_mode", "wal"},
		{db.queries.file, "synchronous", "1"},
		{db.queries.file, "auto_vacuum", "2"},
	} {
		var got string
		must(t, c.f.row("PRAGMA "+c.pragma).Scan(&got))
		if got != c.want {
			t.Errorf("%s of %s is %s, want %s", c.pragma, filepath.Base(c.f.path), got, c.want)
		}
	}
	if _, err := db.file.r.Exec(`DELETE FROM people`); err == nil {
		t.Error("a reader's connection can write")
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	c, dir := newClock(), t.TempDir()
	openClean(t, dir, c)
	if _, _, err := Open(dir, c.Now); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("opening twice: %v", err)
	}
}

func TestClosedRecordsRefuse(t *testing.T) {
	t.Parallel()
	c := newClock()
	db, _, err := Open(t.TempDir(), c.Now)
	must(t, err)
	must(t, db.Close())
	must(t, db.Close())
	if _, _, err := db.Sign(signIn(c, "Jane Doe", macA)); !errors.Is(err, ErrNotWritten) {
		t.Errorf("signing after Close: %v", err)
	}
	if err := db.LogQueries([]Query{{Time: c.Now(), Name: "example.com"}}); !errors.Is(err, ErrNotWritten) {
		t.Errorf("logging after Close: %v", err)
	}
	if _, err := db.Devices(); err == nil {
		t.Error("reading after Close succeeded")
	}
}

func TestSentences(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{ErrNameShort, "first name and last name"},
		{&writeError{"x", errReserveSpent}, "storage is full"},
		{&writeError{"x", errors.New("i/o")}, "cannot write its records"},
		{errUnsound, "damaged"},
		{errors.New("i/o"), "cannot read its records"},
	} {
		if got := Sentence(c.err); !strings.Contains(got, c.want) || (got == "") != (c.err == nil) {
			t.Errorf("Sentence(%v) = %q, want %q in it", c.err, got, c.want)
		}
	}
}

// Many people at once: nothing is lost, the chain stays whole.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	db.file.r.SetMaxOpenConns(4)
	const people, rounds = 8, 10
	var wg sync.WaitGroup
	fail := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	for p := range people {
		mac := identity.MAC{2, 0, 0, 0, 1, byte(p)}
		wg.Go(func() {
			for range rounds {
				_, err := db.Seen(mac, "school", "host", c.Advance(time.Minute))
				fail(err)
				_, _, err = db.Sign(signIn(c, "Person Number"+string(rune('A'+p)), mac))
				fail(err)
				fail(db.EndSession(mac, "signed out", c.Now()))
				fail(db.LogQueries([]Query{{Time: c.Now(), MAC: mac, Name: "example.com", Action: "allow"}}))
			}
		})
		wg.Go(func() {
			for range rounds {
				_, err := db.LiveSessions(c.Now())
				fail(err)
				_, err = db.Events(0, 10)
				fail(err)
				_, err = db.Queries(QueryFilter{Name: "example.com"})
				fail(err)
				fail(db.Verify())
				db.Problems()
			}
		})
	}
	wg.Wait()
	must(t, db.Verify())
	sigs, err := db.Signatures(SignatureFilter{Limit: 1000})
	must(t, err)
	if len(sigs) != people*rounds {
		t.Errorf("%d signatures, want %d", len(sigs), people*rounds)
	}
	if p := db.Problems(); len(p) > 0 {
		t.Errorf("problems: %v", p)
	}
}

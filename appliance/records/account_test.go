package records

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var tess = Account{Name: "Tess", Hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", Role: "technician"}

func TestAccounts(t *testing.T) {
	t.Parallel()
	c := newClock()
	db := openClean(t, t.TempDir(), c)
	for name, tc := range map[string]struct {
		a    Account
		want error
	}{
		"no name":     {Account{Hash: "x", Role: "technician"}, ErrAccountName},
		"spaces":      {Account{Name: "te ss", Hash: "x", Role: "technician"}, ErrAccountName},
		"no password": {Account{Name: "tess", Role: "technician"}, errHashMissing},
		"no role":     {Account{Name: "tess", Hash: "x"}, errRoleMissing},
	} {
		if err := db.CreateAccount("set-up", tc.a, true); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	must(t, db.CreateAccount("set-up", tess, true))
	if has, err := db.HasAccount(); err != nil || !has {
		t.Errorf("HasAccount: %v %v", has, err)
	}
	if err := db.CreateAccount("set-up", Account{Name: "eve", Hash: "x", Role: "technician"}, true); !errors.Is(err, ErrNotFirst) {
		t.Errorf("a second first account: %v", err)
	}
	if err := db.CreateAccount("Tess", Account{Name: "TESS", Hash: "x", Role: "head"}, false); !errors.Is(err, ErrAccountExists) {
		t.Errorf("the same name in capitals: %v", err)
	}
	if err := db.DeleteAccount("Tess", "tess"); !errors.Is(err, ErrLastAccount) {
		t.Errorf("removing the last technician: %v", err)
	}
	must(t, db.CreateAccount("Tess", Account{Name: "ann", Hash: "x", Role: "technician"}, false))
	must(t, db.DeleteAccount("ann", "TESS"))
	if err := db.DeleteAccount("ann", "tess"); !errors.Is(err, ErrNoAccount) {
		t.Errorf("removing it twice: %v", err)
	}
	if err := db.SetPassword("ann", "tess", "y"); !errors.Is(err, ErrNoAccount) {
		t.Errorf("password of nobody: %v", err)
	}
	accounts, err := db.Accounts()
	if err != nil || len(accounts) != 1 || accounts[0].Name != "ann" || accounts[0].Created != c.Now() {
		t.Errorf("accounts %+v, %v", accounts, err)
	}
	a, ok, err := db.Account("ANN")
	if err != nil || !ok || a != accounts[0] {
		t.Errorf("account %+v %v %v", a, ok, err)
	}
	if _, ok, err := db.Account("tess"); ok || err != nil {
		t.Errorf("a removed account is found: %v", err)
	}
	must(t, db.Verify())
}

func TestTwoFirstAccountsAtOnce(t *testing.T) {
	t.Parallel()
	db := openClean(t, t.TempDir(), newClock())
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			errs[i] = db.CreateAccount("set-up", Account{Name: "user" + string(rune('a'+i)), Hash: "x", Role: "technician"}, true)
		})
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		switch {
		case err == nil:
			made++
		case !errors.Is(err, ErrNotFirst):
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d first accounts were made", made)
	}
}

func TestAdminSessions(t *testing.T) {
	t.Parallel()
	c, dir := newClock(), t.TempDir()
	db := openClean(t, dir, c)
	must(t, db.CreateAccount("set-up", tess, true))
	if _, err := db.StartAdminSession("nobody", c.Now().Add(time.Hour)); !errors.Is(err, ErrNoAccount) {
		t.Errorf("a session of nobody: %v", err)
	}
	token, err := db.StartAdminSession("tess", c.Now().Add(time.Hour))
	must(t, err)
	s, ok, err := db.AdminSession(token)
	want := AdminSession{Account: "Tess", Role: "technician", Created: c.Now(), Until: c.Now().Add(time.Hour)}
	if err != nil || !ok || s != want {
		t.Errorf("session %+v %v %v", s, ok, err)
	}
	gone := func(token, why string) {
		t.Helper()
		if _, ok, err := db.AdminSession(token); ok || err != nil {
			t.Errorf("%s: still signed in (%v)", why, err)
		}
	}
	gone("", "no token")
	gone(token+"x", "another token")
	must(t, db.EndAdminSession(token))
	gone(token, "signed out")

	token, err = db.StartAdminSession("Tess", c.Now().Add(time.Hour))
	must(t, err)
	must(t, db.SetPassword("Tess", "tess", "other"))
	gone(token, "after another password")

	token, err = db.StartAdminSession("Tess", c.Now().Add(time.Hour))
	must(t, err)
	c.Advance(time.Hour)
	gone(token, "run out")

	token, err = db.StartAdminSession("Tess", c.Now().Add(time.Hour))
	must(t, err)
	for range maxAdminSessions {
		c.Advance(time.Second)
		_, err := db.StartAdminSession("Tess", c.Now().Add(time.Hour))
		must(t, err)
	}
	gone(token, "after ten more browsers")

	token, err = db.StartAdminSession("Tess", c.Now().Add(time.Hour))
	must(t, err)
	must(t, db.CreateAccount("Tess", Account{Name: "ann", Hash: "x", Role: "technician"}, false))
	must(t, db.DeleteAccount("ann", "Tess"))
	gone(token, "after the account went")

	// Who reads the file cannot sign in with what it holds.
	token, err = db.StartAdminSession("ann", c.Now().Add(time.Hour))
	must(t, err)
	for _, name := range []string{"records.db", "records.db-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		if strings.Contains(string(b), token) {
			t.Errorf("%s holds the token itself", name)
		}
	}
}

func TestLoginLock(t *testing.T) {
	t.Parallel()
	c, dir := newClock(), t.TempDir()
	db := openClean(t, dir, c)
	must(t, db.CreateAccount("set-up", tess, true))
	fail := func(name string) time.Time {
		t.Helper()
		until, err := db.LoginFailed(name, "192.168.77.20")
		must(t, err)
		return until
	}
	for i := range maxFailures - 1 {
		if until := fail("tess"); !until.IsZero() {
			t.Fatalf("locked after %d", i+1)
		}
	}
	must(t, db.LoginSucceeded("Tess", "192.168.77.20"))
	for range maxFailures - 1 {
		fail("tess")
		c.Advance(34 * time.Second)
	}
	if until := fail("tess"); !until.IsZero() {
		t.Error("wrong passwords older than five minutes count")
	}
	c.Advance(failureWindow)
	for range maxFailures - 1 {
		fail("Tess")
	}
	fail("ann")
	until := fail("tess")
	if want := c.Now().Add(lockTime); until != want {
		t.Fatalf("after ten wrong passwords locked until %v, want %v", until, want)
	}
	must(t, db.Close())
	db = openClean(t, dir, c)
	if got, err := db.LockedUntil("TESS"); err != nil || got != until {
		t.Errorf("after a restart locked until %v, %v", got, err)
	}
	if got, err := db.LockedUntil("ann"); err != nil || !got.IsZero() {
		t.Errorf("another account is locked: %v %v", got, err)
	}
	head, _, err := db.Head()
	must(t, err)
	if head.Verb != "locked login" || !strings.Contains(head.Detail, "192.168.77.20") {
		t.Errorf("event %+v", head)
	}
	if again := fail("tess"); again != until {
		t.Errorf("guessing on moves the lock to %v", again)
	}
	if after, _, err := db.Head(); err != nil || after != head {
		t.Errorf("guessing on fills the audit chain: %+v", after)
	}
	c.Advance(lockTime)
	if got, err := db.LockedUntil("tess"); err != nil || !got.IsZero() {
		t.Errorf("still locked: %v %v", got, err)
	}
	// A clock put back by a year does not lock for a year.
	for range maxFailures {
		fail("tess")
	}
	c.Advance(-365 * 24 * time.Hour)
	if got, err := db.LockedUntil("tess"); err != nil || !got.IsZero() {
		t.Errorf("with the clock put back locked until %v, %v", got, err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	db := openClean(t, t.TempDir(), newClock())
	if _, ok, err := db.Setting("x"); ok || err != nil {
		t.Errorf("a setting nobody set: %v %v", ok, err)
	}
	must(t, db.SetSetting("x", "1"))
	must(t, db.SetSetting("x", "2"))
	if v, ok, err := db.Setting("x"); v != "2" || !ok || err != nil {
		t.Errorf("setting %q %v %v", v, ok, err)
	}
	if err := db.SetSetting("x", strings.Repeat("y", 1<<17)); err == nil {
		t.Error("a huge setting was stored")
	}
}

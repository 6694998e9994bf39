package update_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/appliance/update"
	"stairgate/appliance/update/bundle"
	"stairgate/appliance/update/slots"
)

// updated is a box that went from 0.4.0 to 0.5.0 and runs from slot b.
func updated(t *testing.T) (*world, *update.Machine) {
	t.Helper()
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	w.must(m.Install("p.shah", chosen(m), true))
	w.run(m, restarting)
	w.boot()
	m = w.machine()
	w.run(m, idle)
	return w, m
}

func (w *world) state() slots.State {
	w.t.Helper()
	return must(must(slots.Open(w.board, slots.Dir(w.path("fat")), guid)).State())
}

func ended(s update.Status) bool { return s.Phase == update.Idle && s.Ready != nil && s.When.IsZero() }

// The entry of the running version is lost; then the other slot is the only one
// that starts, and nothing of it may be touched.
func TestTheLastSlotThatStartsIsNotEmptied(t *testing.T) {
	w, m := updated(t)
	w.must(w.upload(m, "0.6.0"))
	w.must(os.Remove(w.path("fat/loader/entries/b.conf")))
	w.must(m.Install("p.shah", chosen(m), true))
	says(t, w.run(m, ended).Result, "Version 0.6.0 was not installed")
	if slot := w.boot(); slot != slots.A { // boot looks whether its kernel is whole
		t.Errorf("%s starts", slot)
	}
}

// The boot partition fails after the slot was armed: people read that nothing
// was installed, so nothing of it may start.
func TestArmedAndNotInstalledDoesNotStart(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	failed := false
	w.bootErr = func() error {
		if failed || w.state().Trial == "" {
			return nil
		}
		failed = true
		return errors.New("unmount the boot partition: busy")
	}
	w.must(m.Install("p.shah", chosen(m), true))
	s := w.run(m, ended)
	says(t, s.Result, "Version 0.5.0 was not installed")
	if !failed || s.Phase != update.Idle || s.Previous != "" {
		t.Errorf("failed %v, %+v", failed, s)
	}
	if slot := w.boot(); slot != slots.A {
		t.Errorf("%s starts", slot)
	}
}

// A version on trial that cannot read the boot partition when it starts looks
// again, and installs nothing meanwhile: the other slot is the way back.
func TestTrialThatCouldNotReadTheBootPartitionFirst(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	w.must(m.Install("p.shah", chosen(m), true))
	w.run(m, restarting)
	w.boot()
	w.bootErr = func() error { return errors.New("the card is slow") }
	m = w.machine()
	for doing, err := range map[string]error{"install": m.Install("p.shah", chosen(m), true), "upload": w.upload(m, "0.6.0")} {
		if err == nil || !strings.Contains(err.Error(), "boot partition of this box cannot be read") {
			t.Errorf("%s: %v", doing, err)
		}
	}
	if w.health["update.boot"] == "" {
		t.Error("nobody is told")
	}
	w.bootErr = nil
	says(t, w.run(m, func(s update.Status) bool { return s.Result != nil }).Result, "Version 0.5.0 has been running since")
	if len(w.health) > 0 {
		t.Errorf("ill: %v", w.health)
	}
}

// What the storage refuses is said in words.
func TestStorageThatTakesNothing(t *testing.T) {
	for errno, want := range map[error]string{
		unix.EROFS: "can only be read", unix.ENOSPC: "not enough room", unix.EIO: "storage failed",
	} {
		w := newWorld(t, slots.AMD64)
		m := w.machine()
		w.must(w.upload(m, "0.5.0"))
		w.saveErr = &os.PathError{Op: "open", Path: "state.json.new", Err: errno}
		for doing, err := range map[string]error{"install": m.Install("p.shah", chosen(m), true), "discard": m.Discard("p.shah"), "upload": w.upload(m, "0.6.0")} {
			var refusal bundle.Refusal
			if !errors.As(err, &refusal) || !strings.Contains(string(refusal), want) {
				t.Errorf("%s: %v", doing, err)
			}
		}
	}
}

// The power goes between the file of a second upload and the note of it.
func TestFileThatWasNotChosen(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	w.must(m.Install("p.shah", chosen(m), false))
	w.must(os.WriteFile(w.path("perm/incoming/update.bundle"), makeBundle(t, "0.6.0"), 0o600))
	w.later(when(m, w) + time.Second)
	says(t, w.run(m, ended).Result, "not the one that was chosen: it holds version 0.6.0")
	if s := w.state(); s.Trial != "" {
		t.Errorf("%+v", s)
	}
}

// The card damages the file after it was checked: the version in the other slot
// is not given away for it.
func TestFileThatWentBadKeepsTheWayBack(t *testing.T) {
	w, m := updated(t)
	w.must(w.upload(m, "0.6.0"))
	file := w.path("perm/incoming/update.bundle")
	data := must(os.ReadFile(file))
	data[bytes.Index(data, []byte("overlays/x.dtbo of 0.6.0"))+9] ^= 4
	w.must(os.WriteFile(file, data, 0o600))
	w.must(m.Install("p.shah", chosen(m), true))
	s := w.run(m, ended)
	says(t, s.Result, "damaged on its way")
	if s.Previous != "0.4.0" || !w.state().Committed(slots.A) {
		t.Errorf("%+v", s)
	}
}

// "Tonight" was asked for while the clock was 73 years ahead.
func TestTonightOfAWrongClock(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	right := w.now
	w.now = w.now.AddDate(73, 0, 0)
	w.must(m.Install("p.shah", chosen(m), false))
	w.now = right
	update.Step(m, context.Background())
	if when := m.Status().When.In(london); when.Format("2006-01-02 15:04") != "2026-11-24 02:00" {
		t.Errorf("%v", when)
	}
}

// The floor was held against the signed version; a system that calls itself
// something else is not kept.
func TestVersionThatCallsItselfOtherwise(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	w.must(m.Install("p.shah", chosen(m), true))
	w.run(m, restarting)
	w.boot()
	m = w.machine(func(o *update.Options) { o.Release.Version = "0.3.0" })
	for range 100 {
		update.Step(m, context.Background())
		w.later(5 * time.Second)
	}
	if s := m.Status(); s.Phase != update.Trial || len(s.Failing) != 1 || s.Failing[0].Key != "version" {
		t.Fatalf("%+v", s)
	}
	w.must(must(slots.Open(w.board, slots.Dir(w.path("fat")), guid)).MarkBad(w.running)) // init
	w.boot()
	says(t, w.machine().Status().Result, "Version 0.5.0 did not work", "calls itself 0.3.0", "went back to 0.4.0")
}

// A bundle whose note was lost does not fill the storage for ever.
func TestLostNoteLeavesNoFile(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	w.must(w.upload(w.machine(), "0.5.0"))
	w.must(os.WriteFile(w.path("perm/state.json"), []byte("{\"ready\":{\"ver"), 0o600)) // torn
	m := w.machine()
	if left := must(filepath.Glob(w.path("perm/incoming/*"))); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
	w.must(w.upload(m, "0.5.0"))
}

// What a manifest may say at most fits the loader's entry: one that does not
// would be found out when the other slot is gone already.
func TestLongestManifestCanBeArmed(t *testing.T) {
	boards(t, func(t *testing.T, board slots.Board) {
		w := newWorld(t, board)
		m := w.machine()
		version := "10.20.30-" + strings.Repeat("x", 31)
		w.must(w.upload(m, version, func(m *bundle.Manifest) { m.Cmdline = strings.Repeat("y", 200) }))
		w.must(m.Install("p.shah", chosen(m), true))
		w.run(m, restarting)
		if e, _ := w.state().Entry(slots.B); e.Version != version || !strings.HasSuffix(e.Options, "yyy") {
			t.Errorf("%+v", e)
		}
	})
}

// A copy that would fill the storage is not begun.
func TestRoomForTheCopy(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "records.db")
	if err := update.RoomFor(file, dir); err != nil {
		t.Errorf("a file that is not there: %v", err)
	}
	for size, want := range map[int64]string{4 << 10: "", 8 << 40: "not enough room"} {
		if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, size)); err != nil {
			t.Fatal(err)
		}
		if err := update.RoomFor(file, dir); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// What was ill for a moment only is not forgiven the new version.
func TestOneSlowMomentIsNotForgiven(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	w.set("wan", "the broadband line is unplugged")
	w.set("dns", "no name was found")
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	w.keeping = func() {
		w.set("dns", "")
		w.set("dhcp", "DHCP could not answer")
	}
	w.must(m.Install("p.shah", chosen(m), true))
	if s := w.run(m, restarting); !slices.Equal(s.Attempt.Ill, []string{"wan"}) {
		t.Errorf("forgiven: %q", s.Attempt.Ill)
	}
}

// TestWhatIsInstalledIsWhatWasLookedAt: two technicians, two files.
func TestWhatIsInstalledIsWhatWasLookedAt(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	seen := chosen(m)
	w.must(w.upload(m, "0.6.0"))
	var refusal bundle.Refusal
	if err := m.Install("p.shah", seen, true); !errors.As(err, &refusal) || !strings.Contains(string(refusal), "another update") {
		t.Errorf("installing %s, while 0.6.0 is ready: %v", seen, err)
	}
	if s := m.Status(); s.Ready.Version != "0.6.0" || !s.When.IsZero() {
		t.Errorf("ready is %s, at %v", s.Ready.Version, s.When)
	}
}

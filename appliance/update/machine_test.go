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

	"stairgate/appliance/update"
	"stairgate/appliance/update/bundle"
	"stairgate/appliance/update/slots"
)

func boards(t *testing.T, run func(t *testing.T, board slots.Board)) {
	for _, board := range []slots.Board{slots.AMD64, slots.RPi} {
		t.Run(string(board), func(t *testing.T) { run(t, board) })
	}
}

func says(t *testing.T, r *update.Result, words ...string) {
	t.Helper()
	for _, word := range words {
		if r == nil || !strings.Contains(r.Sentence, word) {
			t.Fatalf("the result does not say %q: %+v", word, r)
		}
	}
}

func TestFourUpdatesInARow(t *testing.T) {
	boards(t, func(t *testing.T, board slots.Board) {
		w := newWorld(t, board)
		m := w.machine()
		for _, version := range []string{"0.5.0", "0.6.0", "0.7.0", "0.8.0"} {
			was := w.running
			w.must(w.upload(m, version))
			if s := m.Status(); s.Ready == nil || s.Ready.Version != version || !strings.Contains(s.Ready.Notes, version) {
				t.Fatalf("%+v", s.Ready)
			}
			w.must(m.Install("p.shah", chosen(m), true))
			w.run(m, restarting)
			if _, err := os.Stat(w.path("run/reboot.json")); err != nil {
				t.Fatal("nobody asks init to restart:", err)
			}
			if slot := w.boot(); slot != was.Other() {
				t.Fatalf("%s starts", slot)
			}
			m = w.machine()
			if s := m.Status(); s.Phase != update.Trial || s.Left <= 0 || s.Attempt.From == "" {
				t.Fatalf("%+v", s)
			}
			if err := w.upload(m, "0.9.0"); err == nil || !strings.Contains(err.Error(), "on trial") {
				t.Errorf("uploading while on trial: %v", err)
			}
			s := w.run(m, idle)
			if up := w.up(); up < slots.DefaultHealthy {
				t.Errorf("committed after %v", up)
			}
			says(t, s.Result, "Version "+version+" has been running since", "The trial passed at")
			if s.Floor != version || s.Ready != nil || !s.Result.Kept || s.Previous == "" {
				t.Errorf("%+v", s)
			}
			for range 3 {
				if slot := w.boot(); slot != was.Other() {
					t.Fatalf("later %s starts", slot)
				}
			}
			m = w.machine()
		}
		kept, err := filepath.Glob(w.path("perm/before-*/records.db"))
		if w.must(err); len(kept) != 2 || !strings.Contains(kept[1], "before-0.8.0") {
			t.Errorf("copies: %q", kept)
		}
		if left, _ := filepath.Glob(w.path("perm/incoming/*")); len(left) != 0 {
			t.Errorf("left over: %q", left)
		}
		for _, step := range []string{
			"p.shah uploaded an update version 0.5.0", "p.shah asked for an update version 0.5.0",
			"appliance update.writing version 0.5.0", "appliance update.trial version 0.5.0", "appliance update.kept version 0.5.0",
		} {
			if !slices.Contains(w.audit, step) {
				t.Errorf("the audit lacks %q: %q", step, w.audit)
			}
		}
		if len(w.health) > 0 {
			t.Errorf("ill: %v", w.health)
		}
	})
}

// A version that stays ill is given up by init at the deadline.
func TestIllVersionGoesBack(t *testing.T) {
	boards(t, func(t *testing.T, board slots.Board) {
		w := newWorld(t, board)
		m := w.machine()
		w.must(w.upload(m, "0.5.0"))
		w.must(m.Install("p.shah", chosen(m), true))
		w.run(m, restarting)
		w.boot()
		w.set("dhcp", "DHCP could not answer")
		m = w.machine()
		for range 119 {
			update.Step(m, context.Background())
			w.later(5 * time.Second)
		}
		if s := m.Status(); s.Phase != update.Trial || len(s.Failing) != 1 {
			t.Fatalf("%+v", s)
		}
		w.must(must(slots.Open(board, slots.Dir(w.path("fat")), guid)).MarkBad(w.running)) // init
		if slot := w.boot(); slot != slots.A {
			t.Fatalf("%s starts", slot)
		}
		w.set("dhcp", "")
		m = w.machine()
		s := m.Status()
		says(t, s.Result, "Version 0.5.0 did not work (DHCP could not answer), so this box went back to 0.4.0 by itself at")
		if s.Phase != update.Idle || s.Ready != nil || s.Floor != "0.4.0" || w.health["update.result"] != s.Result.Sentence {
			t.Errorf("%+v %v", s, w.health)
		}
		w.boot()
		m = w.machine()
		if w.health["update.result"] == "" {
			t.Error("forgotten after another start")
		}
		w.must(m.Acknowledge())
		w.boot()
		if m = w.machine(); w.health["update.result"] != "" || m.Status().Result == nil {
			t.Error("an acknowledged result is on the board, or gone")
		}
		// And the next version is not held up by the bad one.
		w.must(w.upload(m, "0.5.1"))
		w.must(m.Install("p.shah", chosen(m), true))
		w.run(m, restarting)
		w.boot()
		says(t, w.run(w.machine(), idle).Result, "Version 0.5.1 has been running")
	})
}

func TestVersionThatNeverSpeaksGoesBack(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	w.must(m.Install("p.shah", chosen(m), true))
	w.run(m, restarting)
	if s := []slots.Slot{w.boot(), w.boot(), w.boot()}; !slices.Equal(s, []slots.Slot{slots.B, slots.B, slots.A}) {
		t.Fatalf("starts %v", s) // panics twice
	}
	says(t, w.machine().Status().Result, "0.5.0 did not work (it did not come as far as checking itself), so this box went back to 0.4.0")
}

func TestVersionThatWasWellTooLateGoesBack(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	w.must(m.Install("p.shah", chosen(m), true))
	w.run(m, restarting)
	w.boot()
	w.set("dns", "no name was found")
	m = w.machine()
	update.Step(m, context.Background())
	w.set("dns", "")
	update.Step(m, context.Background())
	w.must(must(slots.Open(w.board, slots.Dir(w.path("fat")), guid)).MarkBad(w.running)) // init, at the deadline
	w.boot()
	says(t, w.machine().Status().Result, "(it was not healthy for long enough; what was wrong before: no name was found)")
}

// The same version again, and the power goes before anything is written: what
// the boot partition says is of the time before.
func TestCutOffBesideAnEarlierFailure(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	install := func() {
		w.must(w.upload(m, "0.5.0"))
		w.must(m.Install("p.shah", chosen(m), true))
	}
	install()
	w.run(m, restarting)
	w.boot()
	w.boot()
	w.boot()
	m = w.machine()
	says(t, m.Status().Result, "0.5.0 did not work")
	install()
	w.power = 1 // the journal
	update.Step(m, context.Background())
	w.boot()
	if s := w.machine().Status(); s.Ready == nil {
		t.Errorf("what was uploaded is gone: %+v", s)
	} else {
		says(t, s.Result, "The installation of version 0.5.0 was cut off")
	}
}

// Healthy must be without a break, and what was ill before may stay so.
func TestGate(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	w.set("wan", "the broadband line is unplugged")
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	w.must(m.Install("p.shah", chosen(m), true))
	w.run(m, restarting)
	w.boot()
	m = w.machine()
	for range 20 {
		update.Step(m, context.Background())
		w.later(5 * time.Second)
	}
	w.set("dns", "no name was found")
	update.Step(m, context.Background())
	if s := m.Status(); len(s.Failing) != 1 || s.Failing[0].Key != "dns" {
		t.Errorf("%+v", s.Failing)
	}
	w.set("dns", "")
	update.Step(m, context.Background())
	began := w.up()
	w.later(5 * time.Second)
	w.run(m, idle)
	if took := w.up() - began; took < slots.DefaultHealthy {
		t.Errorf("kept %v after it was ill", took)
	}
}

func TestTonight(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	w.must(m.Install("p.shah", chosen(m), false))
	if when := m.Status().When.In(london); when.Format("2006-01-02 15:04") != "2026-11-24 02:00" {
		t.Errorf("%v", when)
	}
	update.Step(m, context.Background())
	if s := m.Status(); s.Phase != update.Idle {
		t.Errorf("began at once: %+v", s)
	}
	// A box that was off at two waits for the next night.
	w.later(18 * time.Hour)
	update.Step(m, context.Background())
	if when := m.Status().When.In(london); when.Format("2006-01-02 15:04") != "2026-11-25 02:00" {
		t.Errorf("%v", when)
	}
	w.later(when(m, w) + time.Second)
	update.Step(m, context.Background())
	if s := m.Status(); s.Phase != update.Restarting {
		t.Errorf("%+v", s)
	}
}

func when(m *update.Machine, w *world) time.Duration { return m.Status().When.Sub(w.clock()) }

func TestNextNightAtTheChangeOfClocks(t *testing.T) {
	for from, want := range map[string]string{
		"2026-11-23T13:00:00Z": "2026-11-24T02:00:00Z",
		"2026-11-23T01:59:00Z": "2026-11-23T02:00:00Z",
		"2026-11-23T02:00:00Z": "2026-11-24T02:00:00Z",
		"2026-07-01T12:00:00Z": "2026-07-02T01:00:00Z", // British Summer Time
		"2026-03-28T12:00:00Z": "2026-03-29T01:00:00Z", // the clocks go forward at 01:00
	} {
		at := must(time.Parse(time.RFC3339, from))
		if got := update.NextNight(at.In(london)).UTC().Format(time.RFC3339); got != want {
			t.Errorf("after %s: %s, want %s", from, got, want)
		}
	}
}

// Whatever is refused changes nothing: what was ready is ready still.
func TestRefusedChangesNothing(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	w.must(w.upload(m, "0.5.0"))
	before := tree(t, w.dir)
	good := makeBundle(t, "0.6.0")
	flip := func(i int) []byte {
		b := slices.Clone(good)
		b[i] ^= 4
		return b
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"0 bytes":         {nil, "empty"},
		"HTML page":       {[]byte("<!DOCTYPE html><title>Sign in</title>"), "not an update for this box"},
		"truncated":       {good[:len(good)*2/3], "ends in the middle"},
		"manifest":        {flip(600), "not signed by anybody"},
		"signature":       {flip(bytes.Index(good, []byte("untrusted comment:")) + 60), "not signed by anybody"},
		"flip in root":    {flip(bytes.Index(good, []byte("root of 0.6.0")) + 5), "changed after it was made"},
		"flip in kernel":  {flip(bytes.Index(good, []byte("vmlinuz of 0.6.0")) + 999), "changed after it was made"},
		"flip in overlay": {flip(bytes.Index(good, []byte("overlays/x.dtbo of 0.6.0")) + 9), "changed after it was made"},
		"wrong board":     {makeBundle(t, "0.6.0", func(m *bundle.Manifest) { m.Board = "rpi" }), "another kind of box"},
		"older":           {makeBundle(t, "0.3.0"), "older than version 0.4.0"},
		"running":         {makeBundle(t, "0.4.0"), "already installed"},
		"expired":         {makeBundle(t, "0.6.0", func(m *bundle.Manifest) { m.Expires = created.AddDate(0, 0, 1) }), "before 2 November 2026"},
		"too new":         {makeBundle(t, "0.6.0", func(m *bundle.Manifest) { m.MinVersion = "0.5.0" }), "Install version 0.5.0 first"},
	} {
		t.Run(name, func(t *testing.T) {
			err := m.Receive(context.Background(), "p.shah", int64(len(c.data)), bytes.NewReader(c.data))
			var refusal bundle.Refusal
			if !errors.As(err, &refusal) || !strings.Contains(string(refusal), c.want) {
				t.Fatalf("%v", err)
			}
			if after := tree(t, w.dir); after != before {
				t.Errorf("something changed:\n%s\nwas\n%s", after, before)
			}
		})
	}
	t.Run("1 TiB announced", func(t *testing.T) {
		if err := m.Receive(context.Background(), "p.shah", 1<<50, bytes.NewReader(good)); err == nil || !strings.Contains(err.Error(), "not enough room") {
			t.Errorf("%v", err)
		}
	})
	if s := m.Status(); s.Ready.Version != "0.5.0" || s.Phase != update.Idle {
		t.Errorf("%+v", s)
	}
}

// tree is every file of a directory with its contents.
func tree(t *testing.T, dir string) string {
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out.WriteString(path[len(dir):] + " ")
		out.Write(data[:min(len(data), 300)])
		out.WriteString("\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestWhatFailsBeforeTheRestartLeavesTheOldOne(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*world)
		want  string
	}{
		"no copy of the records":    {func(w *world) { w.keepErr = errors.New("disk full") }, "disk full"},
		"storage that forgets":      {func(w *world) { w.rotten = true }, "does not read back the same"},
		"the bundle was taken away": {func(w *world) { w.must(os.Remove(w.path("perm/incoming/update.bundle"))) }, "Upload it again"},
		"the bundle was changed": {func(w *world) {
			w.must(os.WriteFile(w.path("perm/incoming/update.bundle"), makeBundle(w.t, "0.5.0")[:9000], 0o600))
		}, "ends in the middle"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, slots.AMD64)
			m := w.machine()
			w.must(w.upload(m, "0.5.0"))
			c.spoil(w)
			w.must(m.Install("p.shah", chosen(m), true))
			s := w.run(m, func(s update.Status) bool { return s.Result != nil })
			says(t, s.Result, "was not installed", c.want, "goes on with 0.4.0")
			if s.Phase != update.Idle {
				t.Errorf("%+v", s)
			}
			if slot := w.boot(); slot != slots.A {
				t.Errorf("%s starts", slot)
			}
			says(t, w.machine().Status().Result, c.want)
		})
	}
}

func TestDiscard(t *testing.T) {
	w := newWorld(t, slots.AMD64)
	m := w.machine()
	if err := m.Discard("p.shah"); err == nil {
		t.Error("discarded nothing")
	}
	if err := m.Install("p.shah", chosen(m), true); err == nil {
		t.Error("installs nothing")
	}
	w.must(w.upload(m, "0.5.0"))
	w.must(m.Discard("p.shah"))
	if left, _ := filepath.Glob(w.path("perm/incoming/*")); len(left) != 0 || m.Status().Ready != nil {
		t.Errorf("left over: %q", left)
	}
}

// The power goes at every single write of two updates, the second of which is
// ill. Whatever the moment: the loader starts one whole version, what the page
// says fits what runs, and the update can be done again.
func TestPowerCutAtEveryWrite(t *testing.T) {
	boards(t, func(t *testing.T, board slots.Board) {
		for power := 0; ; power++ {
			w := newWorld(t, board)
			m := w.machine() // writes the floor
			w.power = power
			if !story(w, m) {
				if power < 20 {
					t.Fatalf("only %d writes: the test cuts nothing", power)
				}
				return
			}
			slot := w.boot()
			version := w.versionOf(slot)
			m = w.machine()
			s := m.Status()
			if s.Phase == update.Trial {
				s = w.run(m, idle)
			}
			if r := s.Result; r != nil {
				ran := strings.Contains(r.Sentence, "Version "+version+" has been running") ||
					strings.Contains(r.Sentence, "this box runs "+version) ||
					strings.Contains(r.Sentence, "went back to "+version)
				if !ran {
					t.Fatalf("cut at %d: %s runs, and the page says: %s", power, version, r.Sentence)
				}
			}
			if names := must(slots.Dir(w.path("fat")).List("loader/entries")); s.Phase == update.Idle && len(names) > 2 {
				t.Fatalf("cut at %d: left over on the boot partition: %q", power, names)
			}
			// And again, without a cut.
			if s.Ready == nil {
				w.must(w.upload(m, "0.9.0"))
			}
			next := m.Status().Ready.Version
			w.must(m.Install("p.shah", chosen(m), true))
			w.run(m, restarting)
			if w.boot(); w.versionOf(w.running) != next {
				t.Fatalf("cut at %d: %s does not start", power, next)
			}
			says(t, w.run(w.machine(), idle).Result, "Version "+next+" has been running")
		}
	})
}

// story is an update to 0.5.0 and a failed one to 0.6.0; it says whether the
// power went.
func story(w *world, m *update.Machine) bool {
	for _, version := range []string{"0.5.0", "0.6.0"} {
		if err := w.upload(m, version); err != nil && !w.cut {
			w.t.Fatal(err)
		}
		if w.cut {
			return true
		}
		if err := m.Install("p.shah", chosen(m), true); err != nil && !w.cut {
			w.t.Fatal(err)
		}
		if w.cut {
			return true
		}
		if w.run(m, restarting); w.cut {
			return true
		}
		left := w.power
		w.boot()
		w.power = left
		if version == "0.6.0" {
			w.set("dns", "no name was found")
			defer w.set("dns", "")
		}
		if m = w.machine(); w.cut {
			return true
		}
		if version == "0.5.0" {
			if w.run(m, idle); w.cut {
				return true
			}
			continue
		}
		if update.Step(m, context.Background()); w.cut {
			return true
		}
	}
	return false
}

func TestAliveFile(t *testing.T) {
	dir := t.TempDir()
	if err := update.WriteAlive(dir, 1500*time.Millisecond, true); err != nil {
		t.Fatal(err)
	}
	if text := must(os.ReadFile(filepath.Join(dir, "alive.json"))); string(text) != `{"uptime":1.5,"healthy":true}` {
		t.Errorf("%s", text)
	}
}

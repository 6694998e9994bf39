package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const window = 90 * time.Second

// named is the reference with another name for the school, and a remark that
// must survive.
func named(t testing.TB, name string) []byte {
	t.Helper()
	text := bytes.Replace(referenceText, []byte("Oakfield Nursery School"), []byte(name), 1)
	mustParse(t, text)
	return text
}

// open opens a store that has nothing to complain about.
func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, alarms := reopen(t, dir)
	if len(alarms) > 0 {
		t.Fatalf("alarms: %q", alarms)
	}
	return s
}

func reopen(t *testing.T, dir string) (*Store, []string) {
	t.Helper()
	s, alarms, err := OpenStore(dir, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s, alarms
}

// try puts text on trial.
func try(t *testing.T, s *Store, text []byte) []string {
	t.Helper()
	_, etag := s.Current()
	diff, err := s.Try(text, etag, window)
	if err != nil {
		t.Fatal(err)
	}
	return diff
}

// keep tries and confirms text.
func keep(t *testing.T, s *Store, text []byte) {
	t.Helper()
	try(t, s, text)
	_, etag := s.Current()
	if err := s.Confirm(etag); err != nil {
		t.Fatal(err)
	}
}

// wantSchool checks which configuration is in force and which is kept.
func wantSchool(t *testing.T, s *Store, effective, current string) {
	t.Helper()
	c, _ := s.Current()
	if got := s.Effective().School.Name; got != effective || c.School.Name != current {
		t.Errorf("in force is %q, kept is %q; want %q and %q", got, c.School.Name, effective, current)
	}
}

// files lists what lies in dir.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// pass lets time pass, inside a bubble of synctest.
func pass(d time.Duration) { <-time.After(d) }

const factoryName = "Our school"

func TestStoreNewBoxRunsOnTheFactorySettings(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "perm", "config")
	s := open(t, dir)
	wantSchool(t, s, factoryName, factoryName)
	if got := files(t, dir); len(got) > 0 {
		t.Errorf("nobody confirmed anything, but there is %q", got)
	}
	if h, err := s.History(); err != nil || len(h) > 0 {
		t.Errorf("history: %v, %v", h, err)
	}
}

func TestStoreTryThenConfirm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir)
		text := named(t, "Ashfield")
		woken := s.Changed()

		diff := try(t, s, text)
		if len(diff) == 0 || diff[0] != "The school is now called Ashfield (was Our school)." {
			t.Errorf("diff is %q", diff)
		}
		<-woken
		woken = s.Changed()
		wantSchool(t, s, "Ashfield", factoryName)
		c, until, ok := s.Pending()
		if !ok || c.School.Name != "Ashfield" || !until.Equal(time.Now().Add(window)) {
			t.Errorf("pending: %s, %s, %t", c.School.Name, until, ok)
		}
		if _, err := os.Stat(filepath.Join(dir, currentFile)); err == nil {
			t.Error("current.json holds what nobody confirmed")
		}

		_, tag := s.Current()
		if err := s.Confirm(tag); err != nil {
			t.Fatal(err)
		}
		<-woken
		wantSchool(t, s, "Ashfield", "Ashfield")
		if _, _, ok := s.Pending(); ok {
			t.Error("still on trial")
		}
		if diff := cmp.Diff([]string{"current.json", "history"}, files(t, dir)); diff != "" {
			t.Error(diff)
		}
		kept, kepttag := s.Text()
		if !bytes.Equal(kept, text) || kepttag != etag(text) {
			t.Error("the text was not kept byte for byte")
		}

		pass(2 * window) // the timer of a trial that was kept must not take it back
		synctest.Wait()
		wantSchool(t, s, "Ashfield", "Ashfield")
		wantSchool(t, open(t, dir), "Ashfield", "Ashfield")
	})
}

func TestStoreTrialRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir)
		keep(t, s, named(t, "Ashfield"))
		try(t, s, named(t, "Beechwood"))
		woken := s.Changed()

		pass(window - time.Nanosecond)
		synctest.Wait()
		wantSchool(t, s, "Beechwood", "Ashfield")
		pass(time.Nanosecond)
		synctest.Wait()
		select {
		case <-woken:
		default:
			t.Fatal("nobody was woken at the end of the window")
		}
		wantSchool(t, s, "Ashfield", "Ashfield")

		_, tag := s.Current()
		if err := s.Confirm(tag); !errors.Is(err, ErrTrialRan) {
			t.Errorf("Confirm after the end: %v", err)
		}
		if err := s.Revert(); !errors.Is(err, ErrNoTrial) {
			t.Errorf("Revert after the end: %v", err)
		}
		if text, ok := s.Reverted(); !ok || !bytes.Equal(text, named(t, "Beechwood")) {
			t.Error("the candidate is lost")
		}
		if diff := cmp.Diff([]string{"current.json", "history", "reverted.json"}, files(t, dir)); diff != "" {
			t.Error(diff)
		}
		keep(t, s, named(t, "Cedars")) // and the next one goes as ever
		wantSchool(t, open(t, dir), "Cedars", "Cedars")
	})
}

// The timer may be late; the clock decides.
func TestStoreConfirmInTheMomentOfTheEnd(t *testing.T) {
	now := time.Now()
	s, _, err := OpenStore(t.TempDir(), func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	try(t, s, named(t, "Ashfield"))
	now = now.Add(window)
	_, tag := s.Current()
	if err := s.Confirm(tag); !errors.Is(err, ErrTrialRan) {
		t.Errorf("Confirm at the end: %v", err)
	}
	wantSchool(t, s, factoryName, factoryName)
}

func TestStoreRevert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		if err := s.Revert(); !errors.Is(err, ErrNoTrial) {
			t.Errorf("nothing to take back: %v", err)
		}
		try(t, s, named(t, "Ashfield"))
		woken := s.Changed()
		if err := s.Revert(); err != nil {
			t.Fatal(err)
		}
		<-woken
		wantSchool(t, s, factoryName, factoryName)
		_, tag := s.Current()
		if err := s.Confirm(tag); !errors.Is(err, ErrNoTrial) {
			t.Errorf("nothing to keep: %v", err)
		}
		// The timer of the trial that was taken back must not end the next one.
		pass(window / 2)
		try(t, s, named(t, "Beechwood"))
		pass(window - time.Second)
		synctest.Wait()
		wantSchool(t, s, "Beechwood", factoryName)
	})
}

// The timer of a trial that was just taken back may be waiting for the lock while
// the next one begins.
func TestStoreLateTimer(t *testing.T) {
	s := open(t, t.TempDir())
	try(t, s, named(t, "Ashfield"))
	late := s.candidate
	if err := s.Revert(); err != nil {
		t.Fatal(err)
	}
	try(t, s, named(t, "Beechwood"))
	s.expire(late)
	wantSchool(t, s, "Beechwood", factoryName)
}

// Two browsers: the second must not overwrite what it has not seen.
func TestStoreRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir())
		_, first := s.Current()
		if _, err := s.Try(named(t, "Ashfield"), "", window); !errors.Is(err, ErrChanged) {
			t.Errorf("without an etag: %v", err)
		}
		keep(t, s, named(t, "Ashfield"))
		if _, err := s.Try(named(t, "Beechwood"), first, window); !errors.Is(err, ErrChanged) {
			t.Errorf("with an old etag: %v", err)
		}
		try(t, s, named(t, "Beechwood"))
		_, tag := s.Current()
		_, err := s.Try(named(t, "Cedars"), tag, window)
		if !errors.Is(err, ErrOnTrial) || !strings.Contains(err.Error(), "until "+time.Now().Add(window).Format("15:04:05")) {
			t.Errorf("a second trial: %v", err)
		}
		wantSchool(t, s, "Beechwood", "Ashfield")
		if err := s.Confirm(first); !errors.Is(err, ErrChanged) {
			t.Errorf("keeping with an old etag: %v", err)
		}
		if err := s.Confirm(etag(named(t, "Cedars"))); !errors.Is(err, ErrChanged) {
			t.Errorf("keeping what is not on trial: %v", err)
		}
		text, tag, ok := s.Candidate()
		if !ok || !bytes.Equal(text, named(t, "Beechwood")) {
			t.Errorf("the candidate is %s, %t", text, ok)
		}
		if err := s.Confirm(tag); err != nil {
			t.Errorf("keeping by the candidate's own etag: %v", err)
		}
		if _, _, ok := s.Candidate(); ok {
			t.Error("a candidate after the trial")
		}
		_, tag = s.Current()
		for _, w := range []time.Duration{-1, 0, time.Millisecond, 2 * time.Hour} {
			if _, err := s.Try(named(t, "Cedars"), tag, w); !errors.Is(err, ErrWindow) {
				t.Errorf("a window of %s: %v", w, err)
			}
		}
		_, err = s.Try([]byte(`{"version": 1}`), tag, window)
		if problems, ok := errors.AsType[Problems](err); !ok || len(problems) < 5 {
			t.Errorf("an incomplete configuration: %v", err)
		}
		wantSchool(t, s, "Beechwood", "Beechwood")
	})
}

// A crash, a power cut or a restart in the middle of a trial.
func TestStoreTrialInterrupted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	keep(t, s, named(t, "Ashfield"))
	try(t, s, named(t, "Beechwood"))

	s, alarms := reopen(t, dir)
	wantSchool(t, s, "Ashfield", "Ashfield")
	if len(alarms) != 1 || !strings.Contains(alarms[0], "on trial until") || !strings.Contains(alarms[0], "has been taken back") {
		t.Errorf("alarms: %q", alarms)
	}
	if _, _, ok := s.Pending(); ok {
		t.Error("still on trial")
	}
	if text, ok := s.Reverted(); !ok || !bytes.Equal(text, named(t, "Beechwood")) {
		t.Error("the candidate is lost")
	}
	open(t, dir) // it is said once
}

// The power goes between the writing of current.json and the clearing of the
// trial: the change was kept, and nobody is frightened.
func TestStoreInterruptedJustAfterKeeping(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	keep(t, s, named(t, "Ashfield"))
	try(t, s, named(t, "Beechwood"))
	left := map[string][]byte{}
	for _, name := range []string{candidateFile, trialFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		left[name] = b
	}
	_, tag := s.Current()
	if err := s.Confirm(tag); err != nil {
		t.Fatal(err)
	}
	for name, b := range left {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wantSchool(t, open(t, dir), "Beechwood", "Beechwood")
	if got := files(t, dir); len(got) != 2 {
		t.Errorf("left over: %q", got)
	}
}

// Whatever is wrong with current.json, the box runs on the best there is, says
// so, and destroys nothing.
func TestStoreUnusableCurrent(t *testing.T) {
	damage := func(t *testing.T, dir, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, currentFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		school string
		alarm  string
	}{
		{"cut off", func(t *testing.T, dir string) { damage(t, dir, `{"version": 1,`) }, "Beechwood", "line 1: The file ends too early"},
		{"empty", func(t *testing.T, dir string) { damage(t, dir, "") }, "Beechwood", "The file is empty"},
		{"of a newer box", func(t *testing.T, dir string) { damage(t, dir, `{"version": 9}`) }, "Beechwood", "of version 9"},
		{"several problems", func(t *testing.T, dir string) { damage(t, dir, `{"version": 1}`) }, "Beechwood", "(and 6 more)"},
		{"a directory", func(t *testing.T, dir string) {
			if err := errors.Join(os.Remove(filepath.Join(dir, currentFile)), os.Mkdir(filepath.Join(dir, currentFile), 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "Beechwood", "cannot be used"},
		{"gone", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, currentFile)); err != nil {
				t.Fatal(err)
			}
		}, "Beechwood", "is missing"},
		{"and the newest of the history too", func(t *testing.T, dir string) {
			damage(t, dir, "x")
			for _, name := range files(t, filepath.Join(dir, historyDir)) {
				if strings.HasPrefix(name, "000002") {
					if err := os.WriteFile(filepath.Join(dir, historyDir, name), []byte("x"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
		}, "Ashfield", "instead"},
		{"and the whole history", func(t *testing.T, dir string) {
			damage(t, dir, "x")
			for _, name := range files(t, filepath.Join(dir, historyDir)) {
				if err := os.WriteFile(filepath.Join(dir, historyDir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}, factoryName, "factory settings"},
		{"and no history", func(t *testing.T, dir string) {
			damage(t, dir, "x")
			if err := os.RemoveAll(filepath.Join(dir, historyDir)); err != nil {
				t.Fatal(err)
			}
		}, factoryName, "factory settings"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			keep(t, s, named(t, "Ashfield"))
			keep(t, s, named(t, "Beechwood"))
			c.damage(t, dir)
			damaged, damagedErr := os.ReadFile(filepath.Join(dir, currentFile))

			for range 2 { // and at the next start again, until somebody mends it
				var alarms []string
				s, alarms = reopen(t, dir)
				wantSchool(t, s, c.school, c.school)
				if len(alarms) != 1 || !strings.Contains(alarms[0], c.alarm) {
					t.Fatalf("alarms: %q", alarms)
				}
				if strings.Contains(alarms[0], "..") {
					t.Errorf("clumsy: %q", alarms[0])
				}
			}
			keep(t, s, named(t, "Cedars"))
			wantSchool(t, open(t, dir), "Cedars", "Cedars")
			if damagedErr == nil {
				aside, err := os.ReadFile(filepath.Join(dir, unreadableDir, "current-1.json"))
				if err != nil || !bytes.Equal(aside, damaged) {
					t.Errorf("what stood there is lost: %v", err)
				}
			}
		})
	}
}

// The box has two slots for programs. What the newer one wrote is found again
// after a night on the older one.
func TestStoreOlderProgramLeavesNewerFileAlone(t *testing.T) {
	dir := t.TempDir()
	keep(t, open(t, dir), named(t, "Ashfield"))
	newer := []byte(`{"version": 99, "of": "the future"}`)
	if err := os.WriteFile(filepath.Join(dir, currentFile), newer, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := reopen(t, dir)
	try(t, s, named(t, "Beechwood"))
	if err := s.Revert(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, currentFile)); err != nil || !bytes.Equal(b, newer) {
		t.Errorf("now there is %q, %v", b, err)
	}
}

func TestStoreUnreadableIsBounded(t *testing.T) {
	dir := t.TempDir()
	for range mostUnreadable + 3 {
		if err := os.WriteFile(filepath.Join(dir, currentFile), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		s, _ := reopen(t, dir)
		keep(t, s, named(t, "Ashfield"))
	}
	if n := len(files(t, filepath.Join(dir, unreadableDir))); n != mostUnreadable {
		t.Errorf("%d files are kept, want %d", n, mostUnreadable)
	}
}

func TestStoreHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir)
		start := time.Now()
		for _, name := range []string{"Ashfield", "Beechwood", "Cedars"} {
			keep(t, s, named(t, name))
			pass(time.Hour)
		}
		h, err := open(t, dir).History()
		if err != nil || len(h) != 3 {
			t.Fatalf("%v, %v", h, err)
		}
		if h[0].Number != 3 || !h[0].Time.Equal(start.Add(2*time.Hour)) || h[0].ETag != etag(named(t, "Cedars")) || !bytes.Equal(h[0].Text, named(t, "Cedars")) {
			t.Errorf("the newest is %d of %s", h[0].Number, h[0].Time)
		}
		for i, want := range []string{
			"The school is now called Cedars (was Beechwood).",
			"The school is now called Beechwood (was Ashfield).",
			"The school is now called Ashfield (was Our school).",
		} {
			if h[i].Diff[0] != want {
				t.Errorf("entry %d says %q, want %q", i, h[i].Diff[0], want)
			}
		}
	})
}

func TestStoreHistoryIsBoundedAndCountsOn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range maxHistory + 5 {
		keep(t, s, named(t, "School "+string(rune('A'+i%26))))
	}
	h, err := s.History()
	if err != nil || len(h) != maxHistory || h[0].Number != maxHistory+5 {
		t.Fatalf("%d entries, the newest is %d: %v", len(h), h[0].Number, err)
	}
	if oldest := h[len(h)-1]; oldest.Diff != nil {
		t.Errorf("what the oldest changed cannot be known, but it says %q", oldest.Diff)
	}
}

func TestStoreHistoryShowsWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	keep(t, s, named(t, "Ashfield"))
	keep(t, s, named(t, "Beechwood"))
	name := files(t, filepath.Join(dir, historyDir))[0]
	if err := os.WriteFile(filepath.Join(dir, historyDir, name), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, historyDir, "notes.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := s.History()
	if err != nil || len(h) != 2 {
		t.Fatalf("%v, %v", h, err)
	}
	if len(h[1].Diff) != 1 || !strings.Contains(h[1].Diff[0], "cannot be used any more") || h[0].Diff != nil {
		t.Errorf("%q, %q", h[1].Diff, h[0].Diff)
	}
}

// Somebody put a saved configuration there by hand, with cp.
func TestStoreTakesCopiedFileIntoTheHistory(t *testing.T) {
	dir := t.TempDir()
	keep(t, open(t, dir), named(t, "Ashfield"))
	if err := os.WriteFile(filepath.Join(dir, currentFile), named(t, "Beechwood"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	wantSchool(t, s, "Beechwood", "Beechwood")
	if h, err := s.History(); err != nil || len(h) != 2 || h[0].ETag != etag(named(t, "Beechwood")) {
		t.Errorf("%v, %v", h, err)
	}
}

// After an error the old configuration runs and the trial goes on.
func TestStoreConfirmFails(t *testing.T) {
	for name, obstacle := range map[string]string{
		"the history cannot be written": historyDir,
		"current.json cannot be":        currentFile,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			try(t, s, named(t, "Ashfield"))
			path := filepath.Join(dir, obstacle)
			if obstacle == historyDir {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			} else if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
			_, tag := s.Current()
			if err := s.Confirm(tag); err == nil || !strings.HasPrefix(err.Error(), "keeping the change: ") {
				t.Fatalf("got %v", err)
			}
			wantSchool(t, s, "Ashfield", factoryName)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := s.Confirm(tag); err != nil {
				t.Fatal(err)
			}
			wantSchool(t, open(t, dir), "Ashfield", "Ashfield")
			if h, err := s.History(); err != nil || len(h) != 1 {
				t.Errorf("%d entries, %v", len(h), err)
			}
		})
	}
}

// A trial that cannot be written does not begin.
func TestStoreTryFails(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.Mkdir(filepath.Join(dir, candidateFile), 0o700); err != nil {
		t.Fatal(err)
	}
	_, tag := s.Current()
	if _, err := s.Try(named(t, "Ashfield"), tag, window); err == nil {
		t.Fatal("no error")
	}
	wantSchool(t, s, factoryName, factoryName)
	try(t, s, named(t, "Ashfield"))
}

func TestStoreOpenWithoutDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenStore(filepath.Join(file, "config"), time.Now); err == nil {
		t.Error("no error")
	}
}

func TestStoreClearsHalfWrittenFiles(t *testing.T) {
	dir := t.TempDir()
	keep(t, open(t, dir), named(t, "Ashfield"))
	for _, name := range []string{"current.json.new-1", "history/000002-x.json.new-2"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir)
	if got := append(files(t, dir), files(t, filepath.Join(dir, historyDir))...); len(got) != 3 {
		t.Errorf("left over: %q", got)
	}
}

// Many browsers, one winner per round, and the race detector watches.
func TestStoreManyAtOnce(t *testing.T) {
	s := open(t, t.TempDir())
	var wg sync.WaitGroup
	var mu sync.Mutex
	kept := 0
	for i := range 8 {
		wg.Go(func() {
			text := named(t, "School "+string(rune('A'+i)))
			for range 5 {
				_, tag := s.Current()
				if _, err := s.Try(text, tag, window); err != nil {
					if !errors.Is(err, ErrOnTrial) && !errors.Is(err, ErrChanged) {
						t.Error(err)
					}
					continue
				}
				s.Effective()
				s.Pending()
				switch err := s.Confirm(etag(text)); {
				case err == nil:
					mu.Lock()
					kept++
					mu.Unlock()
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	h, err := s.History()
	if err != nil || len(h) != kept || kept == 0 {
		t.Errorf("%d kept, %d in the history, %v", kept, len(h), err)
	}
}

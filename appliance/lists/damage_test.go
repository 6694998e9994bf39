package lists

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A storage that lies costs the lists it lied about, never the start.
func TestDamage(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(sh *shelf)
		alarm string
		names map[string]string // at the start
	}{
		"notes": {func(sh *shelf) {
			sh.must(os.WriteFile(filepath.Join(sh.dir, stateFile), []byte(`{"lists":{"gambling":`), 0o600))
		}, "notes about the category lists were damaged", map[string]string{"bet-1.example": "-"}},
		"notes of nothing": {func(sh *shelf) {
			sh.must(os.WriteFile(filepath.Join(sh.dir, stateFile), nil, 0o600))
		}, "notes about the category lists were damaged", map[string]string{"bet-1.example": "-"}},
		"notes with holes": {func(sh *shelf) {
			sh.must(os.WriteFile(filepath.Join(sh.dir, stateFile), []byte(`{"lists":{"gambling":null}}`), 0o600))
		}, "", map[string]string{"bet-1.example": "-"}},
		"a content cut off": {func(sh *shelf) {
			sh.must(os.Truncate(filepath.Join(sh.dir, sh.contents()[0]), 5))
		}, `the category list "gambling" was damaged`, map[string]string{"bet-1.example": "gambling"}},
		"a content gone": {func(sh *shelf) {
			sh.must(os.Remove(filepath.Join(sh.dir, sh.contents()[0])))
		}, `the category list "gambling" was damaged`, map[string]string{"bet-1.example": "gambling"}},
		"the database cut off": {func(sh *shelf) {
			sh.must(os.Truncate(sh.Info().Path, 100))
		}, "", map[string]string{"bet-1.example": "-"}},
		"the database gone": {func(sh *shelf) {
			sh.must(os.Remove(sh.Info().Path))
		}, "", map[string]string{"bet-1.example": "-"}},
	} {
		t.Run(name, func(t *testing.T) {
			sh := newShelf(t, gambling())
			sh.gives("/gambling.txt", names("bet", 10))
			sh.update()
			c.spoil(sh)
			sh.reopen()
			if alarm := sh.Problems()["alarm.0"]; !strings.Contains(alarm, c.alarm) || c.alarm == "" && alarm != "" {
				t.Errorf("alarm %q, want %q", alarm, c.alarm)
			}
			sh.looksUp(c.names)
			// What was compiled from a content that is gone stays in use until the
			// content is there again.
			gone := sh.o.Transport
			sh.fetcher = newFetcher(refusing(func() {}), usualPatience)
			sh.must(sh.turn(t.Context()))
			if !strings.HasPrefix(name, "notes") {
				sh.looksUp(map[string]string{"bet-1.example": "gambling"})
			}
			sh.fetcher = newFetcher(gone, usualPatience)
			sh.wait(time.Hour)
			sh.must(sh.turn(t.Context()))
			sh.is("gambling", Good, 10, "")
			sh.looksUp(map[string]string{"bet-1.example": "gambling"})
			sh.reopen()
			if p := sh.Problems(); len(p) != 0 {
				t.Errorf("%v", p)
			}
		})
	}
}

// failingPress compiles nothing.
type failingPress struct {
	categoryPress
	err   error
	tries *int
}

func (p failingPress) compile(context.Context, string, []input) (pressed, error) {
	*p.tries++
	return pressed{}, p.err
}

// A compilation that fails leaves the database before it, says so, and is tried
// again: soon when something else is to be compiled, else in an hour.
func TestACompilationThatFails(t *testing.T) {
	sh := newShelf(t, gambling())
	sh.gives("/gambling.txt", names("bet", 10))
	sh.update()
	before := sh.Info()
	tries := 0
	sh.press = failingPress{err: noRoom(syscall.ENOSPC), tries: &tries}
	sh.gives("/gambling.txt", names("new", 12))
	sh.UpdateNow()
	for range 3 {
		sh.must(sh.turn(t.Context()))
	}
	if tries != 1 {
		t.Errorf("tried %d times at once", tries)
	}
	for range 2 {
		if p := sh.Problems()["compile"]; p != "The category lists could not be compiled, so the filter keeps to the ones before. The box’s storage is full. The last good one stays. Ask the technician to make room." {
			t.Errorf("%q", p)
		}
		if sh.Info() != before {
			t.Errorf("%+v", sh.Info())
		}
		sh.looksUp(map[string]string{"bet-1.example": "gambling", "new-1.example": "-"})
		sh.reopen()
		sh.press = failingPress{err: errors.New("no"), tries: &tries}
	}
	sh.press = categoryPress{}
	sh.wait(compileAgain)
	sh.must(sh.turn(t.Context()))
	if p := sh.Problems(); len(p) != 0 {
		t.Errorf("%v", p)
	}
	sh.looksUp(map[string]string{"bet-1.example": "-", "new-1.example": "gambling"})
}

// Nobody but root and dnsd's user need anything of the directory, and that user
// needs the database.
func TestTheDatabaseIsReadable(t *testing.T) {
	sh := newShelf(t, gambling())
	sh.gives("/gambling.txt", names("bet", 10))
	sh.update()
	for path, mode := range map[string]os.FileMode{sh.Info().Path: 0o644, sh.dir: os.ModeDir | 0o755} {
		if st, err := os.Stat(path); err != nil || st.Mode() != mode {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
}

package lists

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stairgate/config/identity"
)

// A box on its own for a week: each night a round, between them what a file
// needs, and a failure again and again at longer intervals.
//
// Time is the bubble's: none passes in truth.
func TestAWeek(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "council.txt")
	if err := os.WriteFile(path, []byte("one.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		began := time.Now()
		s := gambling()
		s.URL, s.On = "https://lists.example/gambling.txt", true
		l, err := Open(Options{
			Dir: filepath.Join(dir, "lists"), Seed: "box", catalogue: []Source{s},
			Transport: refusing(func() { asked = append(asked, time.Since(began).Round(time.Minute).String()) }),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Choose(Wish{On: []string{"gambling"}, Files: []File{{Path: path, Category: identity.Hate}}}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		<-time.After(time.Second)
		if !l.Ready() {
			t.Error("not ready after a second")
		}
		select {
		case <-l.Changed():
		default:
			t.Error("nobody was told of the database")
		}
		first := l.Info()
		if err := os.WriteFile(path, []byte("two.example\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, began.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		<-time.After(look + time.Second)
		if second := l.Info(); second.ID == first.ID || second.ID == "" {
			t.Errorf("the file changed, and the database is %+v", second)
		}
		if _, err := os.Stat(first.Path); err != nil {
			t.Errorf("the old database went while somebody may be opening it: %v", err)
		}
		<-time.After(linger + look)
		if _, err := os.Stat(first.Path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the old database stays: %v", err)
		}
		<-time.After(7 * 24 * time.Hour)
		// At once, four times within three hours and once after six; then a
		// night's round and the retries after it are one series.
		if len(asked) < 6+6 || asked[0] != "0s" || !strings.HasPrefix(asked[1], "2m") || !strings.HasPrefix(asked[2], "1") {
			t.Errorf("asked after %q", asked)
		}
		l.UpdateNow()
		before := len(asked)
		<-time.After(time.Second)
		if len(asked) != before+1 {
			t.Errorf("asked for now, and asked %d times", len(asked)-before)
		}
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// While a box starts it has better things to do than to ask for lists, unless a
// person asks.
func TestAStart(t *testing.T) {
	for _, test := range []struct {
		name   string
		person bool
		after  []time.Duration
	}{
		{"by itself", false, []time.Duration{10 * time.Second}},
		{"a person asks", true, []time.Duration{3 * time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				var asked []time.Duration
				began := time.Now()
				s := gambling()
				s.URL, s.On = "https://lists.example/gambling.txt", true
				l, err := Open(Options{
					Dir: dir, Seed: "box", Rest: 10 * time.Second, catalogue: []Source{s},
					Transport: refusing(func() { asked = append(asked, time.Since(began)) }),
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := l.Choose(Wish{On: []string{"gambling"}}); err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- l.Run(ctx) }()
				<-time.After(3 * time.Second)
				if !l.Ready() {
					t.Error("what is there is not in use after three seconds")
				}
				if test.person {
					l.UpdateNow()
				}
				<-time.After(57 * time.Second)
				if !slices.Equal(asked, test.after) {
					t.Errorf("asked after %v instead of %v", asked, test.after)
				}
				stop()
				<-ended
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// One process has the lists open. The other says what is in use all the same,
// and takes over when it can.
func TestTwoPrograms(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "council.txt")
	if err := os.WriteFile(path, []byte("one.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		o := Options{Dir: filepath.Join(dir, "lists"), catalogue: []Source{}}
		first, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(first.Choose(Wish{On: []string{}, Files: []File{{Path: path, Category: identity.Hate}}}), first.UpdateFiles(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(o); !errors.Is(err, ErrOpen) || Sentence(err) != "Another program is at work on the lists. Wait until it has ended." {
			t.Errorf("%v", err)
		}
		second := New(o)
		if second.Info() != first.Info() || first.Info().ID == "" {
			t.Errorf("%+v, the other %+v", second.Info(), first.Info())
		}
		if p := second.Problems()["shut"]; !strings.Contains(p, "cannot be renewed at the moment. Another program is at work") {
			t.Errorf("%q", p)
		}
		if err := second.Choose(Wish{On: []string{}}); codeOf(err) != "shut" {
			t.Errorf("%v", err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- second.Run(ctx) }()
		synctest.Wait()
		if second.Ready() {
			t.Error("ready while the other has the lists")
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		<-time.After(look + time.Second)
		if p := second.Problems(); len(p) != 0 || !second.Ready() {
			t.Errorf("%v", p)
		}
		stop()
		<-ended
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
}

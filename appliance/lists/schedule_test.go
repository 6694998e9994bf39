package lists

import (
	"fmt"
	"testing"
	"time"
)

func london(t *testing.T) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Every night of a year has one round, between two and five by the school's
// clock, on the two nights when the clock is changed too.
func TestNightlyRounds(t *testing.T) {
	zone := london(t)
	for _, seed := range []string{"a", "b", "box 17"} {
		at := time.Date(2026, 1, 1, 12, 0, 0, 0, zone)
		for day := range 366 {
			next := nightly(at, zone, seed)
			if gap := next.Sub(at); day > 0 && (gap < 23*time.Hour || gap > 25*time.Hour) {
				t.Fatalf("from %s to %s", at, next)
			}
			if h := next.In(zone).Hour(); h < 2 || h > 4 {
				t.Fatalf("a round at %s", next)
			}
			at = next
		}
	}
}

// Boxes differ, and a box keeps its minute.
func TestBoxesDoNotComeTogether(t *testing.T) {
	seen := map[string]int{}
	for i := range 600 {
		seed := fmt.Sprint("box ", i)
		at := nightly(monday, time.UTC, seed)
		if again := nightly(monday.Add(time.Hour), time.UTC, seed); !again.Equal(at) {
			t.Fatalf("%s then %s", at, again)
		}
		seen[at.Format("15:04")]++
	}
	if len(seen) < 120 {
		t.Errorf("600 boxes share %d minutes", len(seen))
	}
}

func TestRetries(t *testing.T) {
	var last time.Duration
	for failures := 1; ; failures++ {
		d, ok := retryAfter(failures, "box")
		if !ok {
			if failures != 6 {
				t.Errorf("given up after %d", failures)
			}
			return
		}
		if d <= last || d > 8*time.Hour {
			t.Errorf("after %d failures %s, before that %s", failures, d, last)
		}
		last = d
	}
}

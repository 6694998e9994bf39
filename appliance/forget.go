package main

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// ageless is more days than anything is old: no row goes because of its age.
const ageless = 36_500

// lull is how far the clock on the wall may move beside the one that only counts
// before it is a jump.
const lull = 5 * time.Minute

// firstTime is before any box: no program of ours is older.
var firstTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// steadiness watches the clock for jumps. The zero value has not looked yet. Safe
// for any number of goroutines.
type steadiness struct {
	mu    sync.Mutex
	begun bool
	since time.Duration // of up: the last jump
	wall  time.Time     // at the last look
	up    time.Duration
}

// look says how long the clock has gone on without a jump. wall is what it shows,
// up the time for which this program has run, which no one sets.
func (s *steadiness) look(wall time.Time, up time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	wall = wall.Round(0) // without Go's own monotonic reading
	if drift := wall.Sub(s.wall) - (up - s.up); !s.begun || drift > lull || drift < -lull {
		s.begun, s.since = true, up
	}
	s.wall, s.up = wall, up
	return up - s.since
}

// began is when this program started: its monotonic reading counts from here.
var began = time.Now()

// built is when this program was made, as far as it says so.
func built() time.Time {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if t, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil && t.After(firstTime) {
				return t
			}
		}
	}
	return firstTime
}

// mayForget says whether the clock is to be believed when it says that the time
// of a record is over: what is deleted, nothing brings back.
func (b *box) mayForget() (bool, error) {
	now := b.now()
	may, err := b.records.MayForget(now, built(), b.clock.look(now, time.Since(began)))
	sentence := ""
	if err == nil && !may {
		sentence = "The box’s clock shows " + now.In(b.zone(b.config.Effective())).Format("2 January 2006, 15:04") +
			", long after what it showed before. Until it has stayed so for some hours nothing is deleted because of its age. If the date is wrong, check time.servers in the settings and the broadband line."
	}
	b.health.Report("clock.ahead", sentence, now)
	return may, err
}

// pruneQueries forgets what is older than the school keeps its query log. Room
// and number of rows are bounded whatever the clock says.
func (b *box) pruneQueries() error {
	limits, err := b.records.QueryLimits()
	if err != nil {
		return err
	}
	may, err := b.mayForget()
	if err != nil {
		return err
	}
	if !may {
		limits.Days = ageless
	}
	_, err = b.records.PruneQueries(b.now(), limits)
	return err
}

// pruneRecords forgets old sessions and unknown devices.
func (b *box) pruneRecords() error {
	may, err := b.mayForget()
	if err != nil || !may {
		return err
	}
	return b.records.Prune(b.now())
}

// housekeep forgets what need not be kept.
func (b *box) housekeep(ctx context.Context) error {
	t := time.NewTimer(firstTidying)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			t.Reset(time.Hour)
		}
		b.ill("queries.prune", b.pruneQueries(), "Old rows of the query log cannot be deleted.")
		b.ill("records.prune", b.pruneRecords(), "Old sessions cannot be forgotten.")
	}
}

package lists

import (
	"hash/fnv"
	"time"
)

// The nightly round begins between two and five by the school's clock: nobody
// is there, and not every school asks at the same minute.
const (
	nightFrom = 2 * time.Hour
	nightLong = 3 * time.Hour
)

// nightly is the first round after t. The seed is the box's own, so that boxes
// differ and a box keeps its minute.
func nightly(t time.Time, zone *time.Location, seed string) time.Time {
	h := fnv.New64a()
	_, _ = h.Write([]byte(seed))
	// In whole minutes of the clock on the wall: a night on which the clock is
	// changed has its round too.
	minute := int((nightFrom + time.Duration(h.Sum64()%uint64(nightLong/time.Minute))*time.Minute) / time.Minute)
	local := t.In(zone)
	for day := 0; ; day++ {
		at := time.Date(local.Year(), local.Month(), local.Day()+day, minute/60, minute%60, 0, 0, zone)
		if at.After(t) {
			return at
		}
	}
}

// retryAfter is how long to wait after so many failures in a row. Past the
// last step the nightly round is soon enough.
func retryAfter(failures int, seed string) (time.Duration, bool) {
	steps := []time.Duration{2 * time.Minute, 10 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}
	if failures < 1 || failures > len(steps) {
		return 0, false
	}
	d := steps[failures-1]
	h := fnv.New64a()
	_, _ = h.Write([]byte(seed))
	// Up to a fifth more, so that boxes that lost the same server do not all
	// come back in the same second.
	return d + time.Duration(h.Sum64()%uint64(d/5)), true
}

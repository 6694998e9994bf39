package admin

import (
	"sync"
	"time"
)

// The rule of the cyber security standards for schools: at most ten guesses in
// five minutes.
const (
	guessLimit  = 10
	guessWindow = 5 * time.Minute
)

// attempts counts wrong guesses by what they were aimed at or came from.
//
// A guess is counted before it is judged and forgiven when it was right, so that
// many at once cannot slip through together.
type attempts struct {
	mu   sync.Mutex
	when map[string][]time.Time
}

// attemptKeys bounds the memory: past it the oldest counters go.
const attemptKeys = 4096

// Take counts one guess against every key. It is refused, and not counted, when
// one of them is at the limit; until is then when the next guess may be made.
func (a *attempts) Take(now time.Time, keys ...string) (until time.Time, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.when == nil {
		a.when = make(map[string][]time.Time)
	}
	for _, k := range keys {
		recent := fresh(a.when[k], now)
		if len(recent) >= guessLimit {
			// Locked until the window since the last wrong guess is over, so that
			// waiting for one guess to grow old does not buy another at once.
			if t := recent[len(recent)-1].Add(guessWindow); t.After(until) {
				until = t
			}
		}
	}
	if !until.IsZero() {
		return until, false
	}
	for _, k := range keys {
		a.when[k] = append(fresh(a.when[k], now), now)
	}
	if len(a.when) > attemptKeys {
		a.sweep(now)
	}
	return time.Time{}, true
}

// Forgive forgets the guesses against a key: the last one was right.
func (a *attempts) Forgive(keys ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range keys {
		delete(a.when, k)
	}
}

// fresh keeps the guesses inside the window. A counter at its limit is kept
// whole until its last guess is old: that is the lock.
func fresh(when []time.Time, now time.Time) []time.Time {
	if len(when) >= guessLimit && now.Sub(when[len(when)-1]) < guessWindow {
		return when
	}
	for len(when) > 0 && now.Sub(when[0]) >= guessWindow {
		when = when[1:]
	}
	return when
}

func (a *attempts) sweep(now time.Time) {
	var oldest string
	var at time.Time
	for k, when := range a.when {
		f := fresh(when, now)
		if len(f) == 0 {
			delete(a.when, k)
			continue
		}
		if oldest == "" || f[len(f)-1].Before(at) {
			oldest, at = k, f[len(f)-1]
		}
	}
	if len(a.when) > attemptKeys {
		delete(a.when, oldest)
	}
}

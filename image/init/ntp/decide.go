package main

import (
	"fmt"
	"slices"
	"time"
)

const (
	// agree is how far servers may be apart.
	agree = time.Second
	// slew is the error up to which the clock is moved gently.
	slew = 400 * time.Millisecond
	// far is a jump that one round alone does not get believed, once the clock
	// was right.
	far = time.Minute
)

// memory is what earlier rounds leave.
type memory struct {
	right   bool          // the clock was right at least once
	pending time.Duration // a far jump that awaits a second round
}

// step is what to do with the clock.
type step struct {
	offset time.Duration
	gently bool
}

// decide turns a round's offsets into a step, or into the sentence that says
// why there is none.
func (m *memory) decide(now, floor time.Time, asked int, offsets []time.Duration) (step, error) {
	if len(offsets) == 0 {
		return step{}, fmt.Errorf("none of %d time servers answered", asked)
	}
	sorted := slices.Sorted(slices.Values(offsets))
	median := sorted[len(sorted)/2]
	near := 0
	for _, o := range sorted {
		if (o - median).Abs() <= agree {
			near++
		}
	}
	if near*2 <= len(sorted) {
		return step{}, fmt.Errorf("the time servers disagree by %s, so none is believed", (sorted[len(sorted)-1] - sorted[0]).Round(time.Second))
	}
	to := now.Add(median)
	if to.Before(floor) {
		return step{}, fmt.Errorf("the time servers say %s, which has passed already; they are not believed", to.UTC().Format(time.DateTime))
	}
	if m.right && median.Abs() > far && (median-m.pending).Abs() > agree {
		m.pending = median
		return step{}, fmt.Errorf("the time servers suddenly differ by %s; that is believed if they say it again", median.Round(time.Second))
	}
	m.pending, m.right = 0, true
	return step{offset: median, gently: median.Abs() <= slew}, nil
}

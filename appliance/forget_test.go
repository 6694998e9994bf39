package main

import (
	"testing"
	"time"
)

// The clock of the wall beside the one that only counts.
func TestJumpsOfTheClockAreSeen(t *testing.T) {
	start := time.Date(2026, 9, 14, 8, 0, 0, 0, time.UTC)
	var s steadiness
	for i, c := range []struct {
		wall time.Time
		up   time.Duration
		want time.Duration
	}{
		{start, 0, 0},
		{start.Add(time.Hour), time.Hour, time.Hour},
		{start.Add(2*time.Hour + 2*time.Second), 2 * time.Hour, 2 * time.Hour}, // put right a little
		{start.AddDate(5, 0, 0), 3 * time.Hour, 0},                             // a jump ahead
		{start.AddDate(5, 0, 0).Add(time.Hour), 4 * time.Hour, time.Hour},
		{start.Add(5 * time.Hour), 5 * time.Hour, 0}, // and back
		{start.Add(12 * time.Hour), 12 * time.Hour, 7 * time.Hour},
	} {
		if got := s.look(c.wall, c.up); got != c.want {
			t.Errorf("look %d: steady for %v, want %v", i+1, got, c.want)
		}
	}
}

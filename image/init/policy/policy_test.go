package policy

import (
	"testing"
	"time"
)

func TestDecide(t *testing.T) {
	const s, m = time.Second, time.Minute
	for _, c := range []struct {
		name    string
		facts   Facts
		counted bool
		feed    bool
		step    Step
	}{
		{"just started", Facts{Uptime: 1 * s}, false, true, GoOn},
		{"still starting", Facts{Uptime: 179 * s}, false, true, GoOn},
		{"never came up", Facts{Uptime: 180 * s}, false, true, Count},
		{"never came up, counted", Facts{Uptime: 181 * s, Restarts: 1}, true, false, GoOn},
		{"never came up, no watchdog", Facts{Uptime: 5 * m, Restarts: 1}, true, false, Restart},
		{"the last counted restart is still done", Facts{Uptime: 5 * m, Restarts: 3}, true, false, Restart},
		{"three restarts did not help", Facts{Uptime: 5 * m, Restarts: 3}, false, true, GoOn},
		{"and never will", Facts{Uptime: 100 * time.Hour, Restarts: 7}, false, true, GoOn},
		{"alive", Facts{Uptime: 1 * time.Hour, Alive: 1*time.Hour - 5*s}, false, true, GoOn},
		{"slow", Facts{Uptime: 1 * time.Hour, Alive: 1*time.Hour - 59*s}, false, true, GoOn},
		{"silent for a minute", Facts{Uptime: 1 * time.Hour, Alive: 59 * m}, false, true, Count},
		{"back after being counted", Facts{Uptime: 1 * time.Hour, Alive: 1*time.Hour - 5*s}, true, true, GoOn},
		{"silent for five minutes", Facts{Uptime: 1 * time.Hour, Alive: 55 * m}, true, false, Restart},
		{"a sign of life from the future is none", Facts{Uptime: 10 * m, Alive: 20 * m}, true, false, Restart},
		{"trial, alive", Facts{Uptime: 9 * m, Alive: 9 * m, Trial: true, Deadline: 10 * m}, false, true, GoOn},
		{"trial, deadline", Facts{Uptime: 10 * m, Alive: 10 * m, Trial: true, Deadline: 10 * m}, false, true, GiveUp},
		{"trial, short deadline before the grace ends", Facts{Uptime: 60 * s, Trial: true, Deadline: 60 * s}, false, true, GiveUp},
		{"trial, silent: the watchdog bites", Facts{Uptime: 4 * m, Trial: true, Deadline: 10 * m}, false, false, GoOn},
		{"trial, silent, no watchdog", Facts{Uptime: 5 * m, Trial: true, Deadline: 10 * m}, false, false, GiveUp},
		{"trial is not spared by the count", Facts{Uptime: 5 * m, Trial: true, Deadline: 10 * m, Restarts: 3}, false, false, GiveUp},
		{"committed in time", Facts{Uptime: 11 * m, Alive: 11 * m, Deadline: 10 * m}, false, true, GoOn},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Decide(c.facts, c.counted)
			if d.Feed != c.feed || d.Step != c.step {
				t.Errorf("feed %v, step %v; want %v, %v", d.Feed, d.Step, c.feed, c.step)
			}
			if (d.Step == GoOn) != (d.Why == "") {
				t.Errorf("the reason is %q for step %v", d.Why, d.Step)
			}
		})
	}
}

// A box whose appliance never lives starts again three times and then stays up,
// with a watchdog and without one; and lives on once it lives.
func TestRestartsAreBounded(t *testing.T) {
	for _, watchdog := range []time.Duration{0, 30 * time.Second} {
		restarts, starts := 0, 0
		for starts = 1; starts < 10; starts++ {
			counted, hungry, ended := false, time.Duration(0), false
			for up := time.Duration(0); up < time.Hour && !ended; up += time.Second {
				d := Decide(Facts{Uptime: up, Restarts: restarts}, counted)
				if d.Step == Count {
					restarts, counted = restarts+1, true
				}
				if hungry += time.Second; d.Feed {
					hungry = 0
				}
				ended = d.Step == Restart || watchdog > 0 && hungry >= watchdog
			}
			if !ended {
				break
			}
		}
		if starts != 1+Restarts {
			t.Errorf("with a watchdog of %v the box stays up after start %d, want %d", watchdog, starts, 1+Restarts)
		}
	}
}

func TestSettled(t *testing.T) {
	alive := func(up, since time.Duration) bool { return Facts{Uptime: up, Alive: up}.Settled(since) }
	if alive(29*time.Minute, 0) || !alive(31*time.Minute, time.Minute) || alive(31*time.Minute, 2*time.Minute) {
		t.Error("30 minutes alive settle it, nothing less does")
	}
	if (Facts{Uptime: time.Hour, Alive: 50 * time.Minute}).Settled(0) {
		t.Error("a silent appliance has settled nothing")
	}
}

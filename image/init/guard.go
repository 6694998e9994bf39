package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"stairgate/appliance/update/slots"
	"stairgate/image/init/policy"
)

const (
	// ask is the least between two questions to the boot partition.
	ask = 15 * time.Second
	// keep is how often the time and the seed are noted.
	keep = 10 * time.Minute
)

// feeder is the hardware watchdog; nil where there is none.
type feeder interface{ Ping() error }

// judge knows the running version's standing; system, outside tests.
type judge interface {
	onTrial() (bool, error)
	markBad() error // errKept: it is not on trial any more
}

// guard is the loop that decides whether the box goes on.
type guard struct {
	run, perm string // the folders: runFolder and permFolder
	dog       feeder
	sys       system
	judge     judge
	again     func(why, argument string) // restart, outside tests
	release   release
	screens   []string

	trial    bool
	known    bool          // the boot partition has answered once
	asked    time.Duration // when the boot partition was asked last
	counted  bool          // this silence is written down
	restarts int
	since    time.Duration // when the appliance began to live
	greeted  bool
	kept     time.Duration
}

func (g *guard) aliveFile() string    { return filepath.Join(g.run, "alive.json") }
func (g *guard) requestFile() string  { return filepath.Join(g.run, "reboot.json") }
func (g *guard) restartsFile() string { return filepath.Join(g.perm, "restarts") }

// watch is one turn a second, for ever.
func (g *guard) watch() {
	var restarts atomic.Int64
	if err := within(patience, "reading how often the box was started again", func() error {
		restarts.Store(int64(readCount(g.restartsFile())))
		return nil
	}); err != nil {
		log.Print(err)
	}
	g.restarts = int(restarts.Load())
	g.refresh(boottime())
	for range time.Tick(time.Second) {
		g.turn(boottime())
	}
}

// turn looks at everything once.
func (g *guard) turn(up time.Duration) {
	if tryboot, ok := requested(g.requestFile()); ok {
		argument := ""
		if tryboot {
			argument = slots.RebootArgument(g.sys.board)
		}
		g.again("the box starts again, as asked", argument)
		return
	}
	if !g.known {
		// A partition that could not be read at the start: a trial nobody knows of
		// would never end.
		g.refresh(up)
	}
	f := policy.Facts{Uptime: up, Alive: alive(g.aliveFile()), Trial: g.trial, Deadline: g.sys.deadline, Restarts: g.restarts}
	g.life(f)
	d := policy.Decide(f, g.counted)
	if g.trial && (d.Step != policy.GoOn || !d.Feed) && g.refresh(up) {
		// It may have been committed since.
		f.Trial = g.trial
		d = policy.Decide(f, g.counted)
	}
	if d.Feed && g.dog != nil {
		if err := g.dog.Ping(); err != nil {
			log.Printf("feeding the watchdog: %v", err)
		}
	}
	switch d.Step {
	case policy.GoOn:
	case policy.Count:
		log.Print(d.Why)
		g.counted = true
		g.restarts++
		if err := within(patience, "counting the restart", func() error { return writeCount(g.restartsFile(), g.restarts) }); err != nil {
			// A restart that cannot be counted could be done for ever.
			log.Printf("the restart cannot be counted and is not done: %v", err)
			g.restarts, g.counted = policy.Restarts, false
		}
	case policy.Restart:
		g.again(d.Why, "")
	case policy.GiveUp:
		log.Print(d.Why)
		err := g.judge.markBad()
		if errors.Is(err, errKept) {
			log.Print(err)
			g.trial = false
			break
		}
		if err != nil {
			log.Printf("this version cannot be marked as bad: %v", err)
		}
		g.again(d.Why, "")
	}
	if up-g.kept >= keep || g.kept == 0 && up > policy.Grace {
		g.kept = up
		go keepState()
	}
}

// life notes what follows from the appliance living or not.
func (g *guard) life(f policy.Facts) {
	if !f.Lives() {
		g.since = 0
		return
	}
	g.counted = false
	if g.since == 0 {
		g.since = f.Uptime
	}
	if !g.greeted {
		g.greeted = true
		// A card that hangs, or a serial line, must not keep the guard waiting.
		go func(trial bool) {
			c := configured(filepath.Join(g.perm, "config", "current.json"))
			show(g.screens, []byte(banner(g.release, string(g.sys.slot), trial, c)))
		}(g.trial)
	}
	if g.restarts > 0 && f.Settled(g.since) {
		g.restarts = 0
		if err := within(patience, "forgetting the restarts", func() error { return writeCount(g.restartsFile(), 0) }); err != nil {
			log.Print(err)
		}
	}
}

// refresh asks the boot partition, but not all the time. It tells whether it
// did.
func (g *guard) refresh(up time.Duration) bool {
	if g.asked != 0 && up-g.asked < ask {
		return false
	}
	g.asked = up
	trial, err := g.judge.onTrial()
	if err != nil {
		log.Printf("whether this version is on trial cannot be told: %v", err)
		return false
	}
	g.trial, g.known = trial, true
	return true
}

// keepState notes what the next start wants to know.
func keepState() {
	if err := keepClock(clockFile, time.Now()); err != nil {
		log.Print(err)
	}
	if err := saveSeed(seedFile); err != nil {
		log.Print(err)
	}
}

// alive is the uptime at the appliance's last sign of life, 0 if there is none.
func alive(file string) time.Duration {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	var a struct {
		Uptime float64 `json:"uptime"`
	}
	if err := json.Unmarshal(b, &a); err != nil || a.Uptime <= 0 || a.Uptime > 1e9 {
		return 0
	}
	return time.Duration(a.Uptime * float64(time.Second))
}

// requested tells whether the appliance asks for a restart, and takes the
// request away.
func requested(file string) (tryboot, ok bool) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, false
	}
	if err != nil {
		log.Printf("reading the request for a restart: %v", err)
		return false, false
	}
	if err := os.Remove(file); err != nil {
		log.Printf("taking the request for a restart: %v", err)
	}
	var r struct {
		Tryboot bool `json:"tryboot"`
	}
	if err := json.Unmarshal(b, &r); err != nil {
		log.Printf("the request for a restart cannot be read: %v", err)
		return false, false
	}
	return r.Tryboot, true
}

// readCount is how often in a row the box was started again. A note that cannot
// be read counts as none: the count is written before the next restart is done.
func readCount(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func writeCount(file string, n int) error {
	if err := replace(file, fmt.Appendln(nil, n)); err != nil {
		return fmt.Errorf("writing how often the box was started again: %w", err)
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// clockFile's time is the last the box knew. A Raspberry Pi has no clock that
// runs without power.
const clockFile = permFolder + "/clock"

// boottime is the time since power-on, which no setting of the clock moves.
func boottime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(err) // every kernel has it
	}
	return time.Duration(ts.Nano())
}

// floor is the latest time that has certainly passed: the version was built by
// then, or the box was running.
func floor(built, file string) time.Time {
	t, err := time.Parse(time.RFC3339, built)
	if err != nil {
		log.Printf("when this version was built cannot be read: %v", err)
	}
	if st, err := os.Stat(file); err == nil && st.ModTime().After(t) {
		t = st.ModTime()
	}
	return t
}

// raiseClock never moves the clock back.
func raiseClock(now, floor time.Time) {
	if !now.Before(floor) {
		return
	}
	tv := unix.NsecToTimeval(floor.UnixNano())
	if err := unix.Settimeofday(&tv); err != nil {
		log.Printf("setting the clock: %v", err)
		return
	}
	log.Printf("the clock said %s; until a time server answers it goes on from %s, the last time known", now.UTC().Format(time.DateTime), floor.UTC().Format(time.DateTime))
}

// keepClock notes the time. A start never goes on from before its note, so a
// clock that is behind it was set back since, by servers that agreed: the note
// was wrong (a clock chip that once said 2099) and would be at every start.
func keepClock(file string, now time.Time) error {
	st, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return os.WriteFile(file, nil, 0o600)
	case err != nil:
		return fmt.Errorf("noting the time: %w", err)
	case now.Equal(st.ModTime()):
		return nil
	}
	return os.Chtimes(file, now, now)
}

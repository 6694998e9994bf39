package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"stairgate/appliance/update/slots"
)

// system is what was started and how long it may take to prove itself.
type system struct {
	board    slots.Board
	slot     slots.Slot
	guid     string
	deadline time.Duration
}

// running reads the kernel's command line.
func running(board string) (system, error) {
	b, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return system{}, err
	}
	s := system{board: slots.Board(board)}
	s.deadline, _ = slots.Words(string(b))
	var ok bool
	if s.slot, ok = slots.Running(string(b)); !ok {
		return s, errors.New("the kernel's command line names no slot (stairgate.slot=a or b)")
	}
	if s.guid, ok = slots.BootGUID(string(b)); !ok {
		return s, errors.New("the kernel's command line does not name the root by PARTUUID and PARTNROFF")
	}
	return s, nil
}

// patience is how long process 1 waits for a card that may be dying. It is
// shorter than any hardware watchdog.
const patience = 10 * time.Second

// within gives work a bound; work that takes longer goes on without us.
func within(d time.Duration, what string, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-time.After(d):
		return fmt.Errorf("%s takes longer than %s", what, d)
	}
}

// onTrial asks the boot partition whether the running slot is on trial.
func (s system) onTrial() (trial bool, err error) {
	answer := make(chan bool, 1)
	err = s.withBoot("reading the boot partition", func(b slots.Boot) error {
		state, err := b.State()
		answer <- err == nil && state.OnTrial(s.slot)
		return err
	})
	if err != nil {
		return false, err
	}
	return <-answer, nil
}

// errKept is the answer where the appliance was faster.
var errKept = errors.New("this version was kept in the last moment and stays")

// markBad takes the running slot out of the choice, unless it was committed:
// the lock on the boot partition decides who of the two was first.
func (s system) markBad() error {
	return s.withBoot("marking this version as bad", s.giveUp)
}

func (s system) giveUp(b slots.Boot) error {
	state, err := b.State()
	if err != nil {
		return err
	}
	if !state.OnTrial(s.slot) {
		return errKept
	}
	return b.MarkBad(s.slot)
}

func (s system) withBoot(what string, do func(slots.Boot) error) error {
	return within(patience, what, func() error {
		return slots.With(slots.BootDevice, func(dir string) error {
			b, err := slots.Open(s.board, slots.Dir(dir), s.guid)
			if err != nil {
				return err
			}
			return do(b)
		})
	})
}

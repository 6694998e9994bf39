package captive

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"stairgate/config/identity"
)

func TestMovedBoxIsNoticed(t *testing.T) {
	f := new(fake)
	f.put(school())
	addrs := Addresses(f.Snapshot())
	moved := make(chan error, 1)
	go WatchAddresses(t.Context(), f, addrs, func(err error) { moved <- err })
	f.put(school(admitted))
	f.put(school(func(d *identity.Data, _ *identity.Client) { d.Zones = d.Zones[:1] }))
	select {
	case err := <-moved:
		if !errors.Is(err, ErrMoved) || ExitCode(err) != 3 {
			t.Errorf("%v, status %d", err, ExitCode(err))
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody notices")
	}
}

func TestCaptivedNeverEndsWithZero(t *testing.T) {
	for _, err := range []error{nil, context.Canceled, fmt.Errorf("x: %w", ErrMoved)} {
		if ExitCode(err) == 0 {
			t.Errorf("status 0 for %v", err)
		}
	}
}

package main

import (
	"context"
	"fmt"
	"time"

	"stairgate/appliance/lab"
	"stairgate/config"
	"stairgate/image/vm"
)

// pause is how long DNS is away while an update is installed, and how long the same
// machine with the same disk takes to DNS from its reset button and from power.
type pause struct{ away, reset, power time.Duration }

// downtime measures one. An emulator starts faster from power than after a reset, when
// all it has translated is still there and in the way; an update ends in a reset.
func downtime(ctx context.Context, g goods, c config.Config) (p pause, err error) {
	ctx, cancel := context.WithTimeout(ctx, 6*patience)
	defer cancel()
	n, _, err := start(ctx, g, &c, "", vm.Hardware{})
	if err != nil {
		return p, err
	}
	defer func() {
		if e := n.close(); err == nil {
			err = e
		}
	}()
	if err := n.Ready(ctx); err != nil {
		return p, err
	}
	if err := n.HireTechnician(ctx); err != nil {
		return p, err
	}
	p.away, err = n.silence(ctx, func() error {
		if err := vm.Install(ctx, n.Lab, g.bundle); err != nil {
			return err
		}
		_, err := vm.Told(ctx, n.Lab, `The trial passed at`, 10*time.Minute)
		return err
	})
	if err != nil {
		return p, err
	}
	if p.reset, err = n.silence(ctx, func() error {
		resets := n.gateway.Machine.Resets()
		if err := n.gateway.Machine.Reset(); err != nil {
			return err
		}
		if err := lab.Until(ctx, func() bool { return n.gateway.Machine.Resets() > resets }); err != nil {
			return err
		}
		return n.answersDNS(ctx)
	}); err != nil {
		return p, err
	}
	n.gateway.Cut()
	began := time.Now()
	if err := n.gateway.PowerOn(); err != nil {
		return p, err
	}
	err = n.answersDNS(ctx)
	p.power = time.Since(began)
	return p, err
}

// answersDNS waits until DNS answers.
func (n *nursery) answersDNS(ctx context.Context) error {
	return lab.Until(ctx, func() bool {
		once, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		return n.askDNS(once) == nil
	})
}

// silence asks DNS while something is done and returns the longest time without an
// answer.
func (n *nursery) silence(ctx context.Context, do func() error) (time.Duration, error) {
	watch, stop := context.WithCancel(ctx)
	longest := make(chan time.Duration)
	go func() {
		last, most := time.Now(), time.Duration(0)
		for watch.Err() == nil {
			if n.answersDNS(watch) == nil {
				most, last = max(most, time.Since(last)), time.Now()
			}
		}
		longest <- most
	}()
	err := do()
	stop()
	return <-longest, err
}

// memory boots the image with a compiled list and asks the guest's balloon
// driver what is left once it answers and has been quiet for a while.
func memory(ctx context.Context, g goods, c config.Config, mib, names int) (free, available int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	perm, err := listed(ctx, g.dir, c, names)
	if err != nil {
		return 0, 0, err
	}
	n, began, err := start(ctx, g, nil, perm, vm.Hardware{Memory: mib, Extra: []string{"-device", "virtio-balloon-pci,id=balloon"}})
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		if e := n.close(); err == nil {
			err = e
		}
	}()
	if _, err := n.answers(ctx, began); err != nil {
		return 0, 0, fmt.Errorf("with %d MiB it does not come up: %w\n%s", mib, err, n.Logs())
	}
	if err := n.Ready(ctx); err != nil {
		return 0, 0, err
	}
	quiet := time.NewTimer(30 * time.Second)
	defer quiet.Stop()
	select {
	case <-quiet.C:
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	return n.gateway.Machine.GuestMemory(ctx)
}

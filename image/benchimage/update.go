package main

import (
	"context"
	"fmt"
	"time"

	"stairgate/appliance/lab"
	"stairgate/config"
	"stairgate/image/vm"
)

// downtime is how long DNS is away while an update is installed, and how long
// the same machine takes from power to DNS.
func downtime(ctx context.Context, g goods, c config.Config) (away, oneBoot time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 6*patience)
	defer cancel()
	n, _, err := start(ctx, g, &c, "", vm.Hardware{})
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		if e := n.close(); err == nil {
			err = e
		}
	}()
	if err := n.Ready(ctx); err != nil {
		return 0, 0, err
	}
	if err := n.HireTechnician(ctx); err != nil {
		return 0, 0, err
	}
	watch, stop := context.WithCancel(ctx)
	longest := make(chan time.Duration)
	go func() { longest <- n.silence(watch) }()
	err = vm.Install(ctx, n.Lab, g.bundle)
	if err == nil {
		_, err = vm.Told(ctx, n.Lab, `The trial passed at`, 10*time.Minute)
	}
	stop()
	away = <-longest
	if err != nil {
		return away, 0, err
	}
	// Now a boot of the very same disk.
	n.gateway.Cut()
	began := time.Now()
	if err := n.gateway.PowerOn(); err != nil {
		return away, 0, err
	}
	err = lab.Until(ctx, func() bool {
		once, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		return n.askDNS(once) == nil
	})
	return away, time.Since(began), err
}

// silence asks DNS until ctx ends and returns the longest time without an answer.
func (n *nursery) silence(ctx context.Context) time.Duration {
	last, most := time.Now(), time.Duration(0)
	for ctx.Err() == nil {
		_ = lab.Until(ctx, func() bool {
			once, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
			defer cancel()
			return n.askDNS(once) == nil
		})
		if ctx.Err() == nil {
			most, last = max(most, time.Since(last)), time.Now()
		}
	}
	return most
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

package firewall

import (
	"context"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Watch signals whenever anybody, this program included, has changed the
// kernel's rules. Signals coalesce and carry nothing: look with Drift. The
// kernel may lose one under load, so look by the clock as well. The channel is
// closed when ctx ends.
func (f *Firewall) Watch(ctx context.Context) (<-chan struct{}, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: int(f.ns.Fd())})
	if err != nil {
		return nil, fmt.Errorf("watching the rules: %w", err)
	}
	if err := c.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		return nil, errors.Join(fmt.Errorf("watching the rules: %w", err), c.Close())
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	changed := make(chan struct{}, 1)
	go func() {
		defer close(changed)
		defer stop()
		for {
			// An overrun (ENOBUFS) is a change like any other.
			if _, err := c.Receive(); err != nil && !errors.Is(err, unix.ENOBUFS) {
				_ = c.Close()
				return
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	return changed, nil
}

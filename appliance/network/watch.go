package network

import (
	"context"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// WatchLinks sends on the channel after a port has come, gone, been renamed or
// changed its signal. The values carry no data and coalesce: whoever is woken
// looks at the present state. The kernel tells of a change of the signal up to a
// second late; a cable that was out for less is not news. The channel is closed
// when ctx ends.
func WatchLinks(ctx context.Context) (<-chan struct{}, error) {
	updates, stop, err := subscribe()
	if err != nil {
		return nil, err
	}
	out := make(chan struct{}, 1)
	go func() {
		defer close(out)
		known := make(map[int32]linkState)
		for {
			wake := false
			select {
			case <-ctx.Done():
				stop()
				for range updates { // until the reader behind it has noticed
				}
				return
			case u, ok := <-updates:
				if ok {
					wake = changed(known, u)
					break
				}
				// The kernel had more to say than the socket holds, and what was
				// lost is unknown: listen again and look again.
				stop()
				if updates, stop, err = subscribeAgain(ctx); err != nil {
					return
				}
				clear(known)
				wake = true
			}
			if wake {
				select {
				case out <- struct{}{}:
				default: // one is waiting already
				}
			}
		}
	}()
	return out, nil
}

// linkState is what a change of is news; counters and wireless scans are not.
type linkState struct {
	name   string
	up     bool
	signal bool
	master int
}

func changed(known map[int32]linkState, u netlink.LinkUpdate) bool {
	old, had := known[u.Index]
	if u.Header.Type == unix.RTM_DELLINK {
		// A port that leaves a bridge is announced as deleted from it too; what
		// is gone for good was known or is news.
		delete(known, u.Index)
		return true
	}
	at := u.Attrs()
	now := linkState{at.Name, at.RawFlags&unix.IFF_UP != 0, at.RawFlags&unix.IFF_LOWER_UP != 0, at.MasterIndex}
	known[u.Index] = now
	return !had || old != now
}

func subscribe() (<-chan netlink.LinkUpdate, func(), error) {
	updates, done := make(chan netlink.LinkUpdate, 64), make(chan struct{})
	if err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{}); err != nil {
		return nil, nil, fmt.Errorf("subscribing to link events: %w", err)
	}
	return updates, func() { close(done) }, nil
}

func subscribeAgain(ctx context.Context) (<-chan netlink.LinkUpdate, func(), error) {
	for {
		updates, stop, err := subscribe()
		if err == nil {
			return updates, stop, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

package dhcp

import (
	"time"

	"stairgate/config/identity"
)

// A client that joins, loses packets and tries again needs fewer than ten
// messages in ten seconds.
const (
	limitWindow  = 10 * time.Second
	limitPerMAC  = 16
	limitClients = 1 << 16 // counted in one window; more strangers than that wait for the next
)

// limiter counts messages per client in a fixed window. It belongs to one
// goroutine at a time.
type limiter struct {
	began time.Time
	count map[identity.MAC]uint8
}

// allow reports whether a message of m may be looked at.
func (l *limiter) allow(m identity.MAC, now time.Time) bool {
	if l.count == nil || now.Sub(l.began) >= limitWindow || now.Before(l.began) {
		l.began = now
		if l.count == nil {
			l.count = make(map[identity.MAC]uint8)
		}
		clear(l.count)
	}
	n, seen := l.count[m]
	if n >= limitPerMAC || !seen && len(l.count) >= limitClients {
		return false
	}
	l.count[m] = n + 1
	return true
}

package dns

import (
	"net/netip"
	"sync"
	"time"
)

const (
	rateAllowed = 20   // questions a second, and as many at once
	rateClients = 4096 // clients remembered; more than any zone of a school holds
)

// limiter holds a bucket of questions for each client in quarantine. The table is
// bounded: when it is full of clients that are still asking, newcomers share one
// bucket, so a forger of addresses slows down newcomers and nobody else.
type limiter struct {
	mu      sync.Mutex
	buckets map[netip.Addr]bucket
	others  bucket
	swept   time.Time
}

// bucket is how many questions were left at a time.
type bucket struct {
	left float64
	at   time.Time
}

func newLimiter() *limiter { return &limiter{buckets: make(map[netip.Addr]bucket)} }

// allow takes one question from a's bucket at now.
func (l *limiter) allow(a netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, known := l.buckets[a]
	if !known && len(l.buckets) >= rateClients && !l.sweep(now) {
		return l.others.take(now, rateAllowed)
	}
	ok := b.take(now, rateAllowed)
	l.buckets[a] = b
	return ok
}

// take takes one at now, of allowed a second and as many at once; the zero bucket is
// full.
func (b *bucket) take(now time.Time, allowed float64) bool {
	b.left, b.at = b.has(now, allowed), now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// has is how many there are at now.
func (b *bucket) has(now time.Time, allowed float64) float64 {
	if b.at.IsZero() {
		return allowed
	}
	left := min(b.left+now.Sub(b.at).Seconds()*allowed, allowed)
	// A clock that was set back adds nothing, and takes nothing away.
	return max(left, min(b.left, allowed))
}

// sweep forgets clients whose buckets are full again, at most once a second, and
// reports whether there is room.
func (l *limiter) sweep(now time.Time) bool {
	if d := now.Sub(l.swept); d >= 0 && d < time.Second {
		return false
	}
	l.swept = now
	for a, b := range l.buckets {
		if now.Sub(b.at) >= time.Second {
			delete(l.buckets, a)
		}
	}
	return len(l.buckets) < rateClients
}

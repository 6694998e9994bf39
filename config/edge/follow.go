package edge

import (
	"sync"
	"time"
)

// Follower is a Backend that wants to hear what each answerer has.
type Follower interface {
	// Followed says that the process has the snapshot of that version and asks for
	// the next.
	Followed(process int32, version uint64, now time.Time)
}

// Followers are the answerers and the versions they have. The zero value is ready.
type Followers struct {
	mu sync.Mutex
	at map[int32]follower
}

type follower struct {
	version uint64
	seen    time.Time
}

// Followed implements Follower.
func (f *Followers) Followed(process int32, version uint64, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at == nil {
		f.at = make(map[int32]follower)
	}
	for p, o := range f.at {
		if o.gone(now) {
			delete(f.at, p)
		}
	}
	f.at[process] = follower{version, now}
}

// Have says whether every answerer that lives has that version or a newer one.
func (f *Followers) Have(version uint64, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.at {
		if o.version < version && !o.gone(now) {
			return false
		}
	}
	return true
}

// gone tells of one that should have asked again by now.
func (f follower) gone(now time.Time) bool { return now.Sub(f.seen) > longPoll*5/4 }

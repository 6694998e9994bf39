package admin

import (
	"net/http"
	"time"
)

// settleTime is how long a page waits for its change to reach the network.
const settleTime = time.Second

// settle wakes the reconcile loop and gives it a moment, so that the next page
// shows the effect.
func (s *Server) settle(r *http.Request) {
	before := s.o.Snapshot()
	s.o.Kick()
	deadline := time.NewTimer(settleTime)
	defer deadline.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if now := s.o.Snapshot(); now != nil && (before == nil || now.Version() > before.Version()) && (s.o.Told == nil || s.o.Told(now.Version())) {
			return
		}
		select {
		case <-look.C:
		case <-deadline.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}

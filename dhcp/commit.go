package dhcp

import (
	"context"
	"fmt"
)

const (
	// mostWaiting bounds the ACKs that wait for the disk. At a millisecond a write
	// the queue is never longer than a few dozen.
	mostWaiting = 1 << 13
	// mostNews bounds the leases OnLease has not heard of yet.
	mostNews = 1 << 16
)

// waiting is a decision whose reply leaves once its leases are on record.
type waiting struct {
	link *link
	d    Decision
}

// flush records everything that waits with one write, then lets the replies go.
// What arrives meanwhile waits for the next round: the slower the disk, the
// larger the groups, so it never falls behind.
func (s *Server) flush() {
	s.mu.Lock()
	group := s.queue
	s.queue = nil
	s.mu.Unlock()
	if len(group) == 0 {
		return
	}
	leases := make([]Lease, 0, len(group)+len(group)/8)
	for _, w := range group {
		leases = append(leases, w.d.Commit...)
	}
	err := s.o.Journal.Commit(leases)
	now := s.o.Now()
	s.mu.Lock()
	if (err != nil) != (s.unsaved != nil) {
		if err != nil {
			s.o.Log.Error("dhcp: leases cannot be recorded, no addresses are given out", "error", err)
		} else {
			s.o.Log.Info("dhcp: leases are recorded again")
		}
	}
	s.unsaved = err
	if err != nil {
		// No record, no lease: the clients ask again in a moment.
		s.state.Abandon(leases)
		s.counts[DropNotRecorded] += uint64(len(group))
		s.mu.Unlock()
		return
	}
	s.state.Commit(leases, now)
	if s.o.OnLease != nil && len(s.news)+len(leases) <= mostNews {
		s.news = append(s.news, leases...)
	}
	s.mu.Unlock()
	lost := uint64(0)
	for _, w := range group {
		if w.d.Reply == nil {
			continue
		}
		if err := w.link.messages.Send(w.d.Reply.Bytes(), w.d.To); err != nil {
			lost++
			s.o.Log.Debug("dhcp: reply not sent", "zone", w.d.Zone, "to", w.d.To.Addr, "error", err)
		}
	}
	if lost > 0 {
		s.mu.Lock()
		s.counts[DropNotDelivered] += lost
		s.mu.Unlock()
	}
	signal(s.tell)
}

// announce tells OnLease what has been recorded, at OnLease's own pace.
func (s *Server) announce(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.tell:
		}
		s.mu.Lock()
		news := s.news
		s.news = nil
		s.mu.Unlock()
		for _, l := range news {
			s.o.OnLease(l)
		}
	}
}

// Problems says what is wrong, in sentences, under stable keys.
func (s *Server) Problems() map[string]string {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{}
	for id, err := range s.broken {
		out["link."+id] = fmt.Sprintf("No addresses are given out on the network “%s”: %v. Check its ports; it is tried again by itself.", s.state.called(id), err)
	}
	if s.state.invalid != nil {
		out["zones"] = fmt.Sprintf("A network cannot be served: %v. Correct it in the configuration.", s.state.invalid)
	}
	if s.unsaved != nil {
		out["journal"] = fmt.Sprintf("No device gets an address because leases cannot be recorded: %v. Free space on the disk or replace it.", s.unsaved)
	}
	s.state.Expire(now)
	for id, z := range s.state.zones {
		for key, sentence := range z.problems(now) {
			out[key+"."+id] = sentence
		}
	}
	return out
}

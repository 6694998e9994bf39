package dns

import (
	"cmp"
	"net"
	"runtime"
	"time"
)

// maxWorkers of one address. Clients are spread over them by the kernel; a school's
// box has two cores or four.
const maxWorkers = 4

// workers is how many an address gets.
func workers() int { return min(runtime.NumCPU(), maxWorkers) }

// work answers what comes in by one socket until it is closed, and hands over the rest.
// The goroutine lives as long as the socket, so its stack has grown once and for all.
func (s *Server) work(k *udpSocket, rest *handover) error {
	w := newWorker(s)
	in, out := newBatch(maxQuery), newBatch(maxReply)
	var scheduled time.Time
	for {
		ok, err := k.use(in.receive)
		switch {
		case err != nil:
			return err
		case !ok:
			return net.ErrClosed
		case in.n == 0:
			continue
		}
		now := s.opt.Now()
		if out.n = s.workOn(w, in, out, rest, now); out.n > 0 {
			if ok, err := k.use(out.send); err != nil || !ok {
				return cmp.Or(err, net.ErrClosed)
			}
		}
		// A goroutine that only goes in and out of the kernel looks to the runtime like one
		// that has not given way for 10 ms: its monitor wakes every 20 microseconds for it,
		// a twentieth of the core's time.
		if d := now.Sub(scheduled); d > giveWay || d < 0 {
			runtime.Gosched()
			scheduled = now
		}
	}
}

// giveWay is less than the 10 ms after which the runtime wants a goroutine to give way.
const giveWay = 4 * time.Millisecond

// workOn fills out with the answers to the packets of in and returns how many there are.
func (s *Server) workOn(w *worker, in, out *batch, rest *handover, now time.Time) (answered int) {
	v := s.view()
	for i := range in.n {
		from := in.peer(i)
		if size := w.answer(v, in.packet(i), from.Addr(), now, out.packets[answered]); size > 0 {
			out.set(answered, size, in, i)
			answered++
		} else {
			rest.pass(in.packet(i), from, w.missed)
		}
	}
	s.counts.queries.Add(uint64(answered))
	s.counts.fast.Add(uint64(answered))
	return answered
}

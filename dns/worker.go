package dns

import (
	"fmt"
	"net"
	"runtime"
)

// maxWorkers of one address. Clients are spread over them by the kernel; a school's
// box has two cores or four.
const maxWorkers = 4

// workers is how many an address gets.
func workers() int { return min(runtime.GOMAXPROCS(0), maxWorkers) }

// work answers what comes in by one socket until it is closed, and hands over the rest.
// The goroutine lives as long as the socket, so its stack has grown once and for all.
func (s *Server) work(conn *net.UDPConn, rest *handover) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("reaching the socket of %s: %w", conn.LocalAddr(), err)
	}
	w := newWorker(s)
	in, out := newBatch(maxQuery), newBatch(maxReply)
	for {
		n, err := in.receive(raw)
		if err != nil {
			return err
		}
		if answered := s.workOn(w, in, out, n, rest); answered > 0 {
			if err := out.send(raw, answered); err != nil {
				return err
			}
			if answered == n {
				continue
			}
		}
		// Somebody else has work now. Where there is one core only, it would wait until
		// the next packet fails to come.
		runtime.Gosched()
	}
}

// workOn fills out with the answers to n packets and returns how many there are.
func (s *Server) workOn(w *worker, in, out *batch, n int, rest *handover) (answered int) {
	v, now := s.view(), s.opt.Now()
	for i := range n {
		from := in.peer(i)
		if size := w.answer(v, in.packet(i), from.Addr(), now, out.packets[answered]); size > 0 {
			out.set(answered, size, in, i)
			answered++
		} else {
			rest.pass(in.packet(i), from)
		}
	}
	s.counts.queries.Add(uint64(answered))
	s.counts.fast.Add(uint64(answered))
	return answered
}

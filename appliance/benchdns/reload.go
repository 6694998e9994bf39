package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// reload is what a new list cost those who asked meanwhile.
type reload struct {
	sent, lost, wrong int
	silence           time.Duration // the longest without an answer
	took              time.Duration // until the new name was blocked
	peak              float64       // MiB
}

// Names that list "b" has and list "a" has not. Each is asked for once: a server that
// keeps the answer from before would never say that the list is in force.
const addedNames = 40000

func addedName(i int) string { return fmt.Sprintf("added%d.example", i) }

const (
	reloadLead    = 500 * time.Millisecond // of questions before and after
	reloadPatient = 90 * time.Second
)

// measureReload puts list "b" in force while listed names are asked. A server that
// cannot change its list is stopped and started again, and p is the new process.
func measureReload(s *server, p **process, dir string, names []string) (*reload, error) {
	conn, err := net.Dial("udp", s.at)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// What this process is too slow to take is not to count as lost by the server.
	if err := roomy(conn.(*net.UDPConn)); err != nil {
		return nil, err
	}
	r := &reload{}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	waiting := make(map[uint16][]byte)
	last := time.Now()

	wg.Go(func() { // asks
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		begin := time.Now()
		for {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
			for want := int(time.Since(begin) * steadyRate / time.Second); r.sent < want; r.sent++ {
				id := uint16(r.sent)
				q := question(id, names[r.sent%len(names)])
				mu.Lock()
				if waiting[id] != nil { // 13 seconds ago
					r.lost++
				}
				waiting[id] = q
				mu.Unlock()
				_, _ = conn.Write(q) // refused while nobody listens: lost
			}
		}
	})
	ended := make(chan struct{})
	go func() { // listens
		defer close(ended)
		b := make([]byte, 1500)
		for {
			n, err := conn.Read(b)
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				return
			}
			if err != nil || n < 12 {
				continue // ICMP said that nobody listens
			}
			mu.Lock()
			id := binary.BigEndian.Uint16(b)
			if q := waiting[id]; q != nil {
				delete(waiting, id)
				now := time.Now()
				r.silence, last = max(r.silence, now.Sub(last)), now
				if firstA(q, b[:n]) != s.page {
					r.wrong++
				}
			}
			mu.Unlock()
		}
	}()

	<-time.After(reloadLead)
	begin := time.Now()
	err = s.use(dir, "b")
	if err == nil && s.signal != nil {
		err = s.signal(*p)
	} else if err == nil {
		(*p).stop()
		*p, _, err = s.start(dir, names[0])
	}
	for i := 0; err == nil && i < addedNames; i++ {
		if time.Since(begin) > reloadPatient {
			err = errors.New("the new list is not in force after 90 s")
		}
		q := question(1, addedName(i))
		if b := askOnce(s.at, q); firstA(q, b) == s.page {
			break
		}
	}
	r.took = time.Since(begin)
	<-time.After(reloadLead)
	close(stop)
	wg.Wait()
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	<-ended
	mu.Lock()
	defer mu.Unlock()
	r.lost += len(waiting)
	r.peak = (*p).rss(true)
	return r, err
}

// roomy gives a socket a receive buffer for some seconds of answers.
func roomy(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
	})
	return errors.Join(err, failed)
}

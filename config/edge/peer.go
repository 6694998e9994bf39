package edge

import (
	"net"
	"sync"
	"syscall"
)

// peerListener asks the kernel who is at the other end of each connection, and
// lets no process hold more than perPeer of them: an answerer gone wrong must
// not use up the writer's file descriptors.
type peerListener struct {
	net.Listener

	mu   sync.Mutex
	open map[int32]int // by process id
}

func (l *peerListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		cred := credOf(c)
		if cred == nil {
			return &peerConn{Conn: c}, nil // answered 403
		}
		l.mu.Lock()
		full := l.open[cred.Pid] >= perPeer
		if !full {
			l.open[cred.Pid]++
		}
		l.mu.Unlock()
		if full {
			_ = c.Close()
			continue
		}
		return &peerConn{Conn: c, cred: cred, gone: sync.OnceFunc(func() { l.release(cred.Pid) })}, nil
	}
}

func (l *peerListener) release(pid int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[pid]--; l.open[pid] <= 0 {
		delete(l.open, pid)
	}
}

type peerConn struct {
	net.Conn
	cred *syscall.Ucred
	gone func()
}

func (c *peerConn) Close() error {
	if c.gone != nil {
		c.gone()
	}
	return c.Conn.Close()
}

// credOf is nil when c is no unix socket or the kernel does not say.
func credOf(c net.Conn) *syscall.Ucred {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nil
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nil
	}
	var cred *syscall.Ucred
	if raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}) != nil || err != nil {
		return nil
	}
	return cred
}

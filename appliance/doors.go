package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/appliance/admin"
	"stairgate/config"
	"stairgate/config/identity"
)

// adminPort is where the admin pages are served, on the box's address in every
// zone of kind school. Never on another port of the portal's name: the portal's
// own 443 may one day carry the API of RFC 8908.
const adminPort = 8443

// listeners is a set of listening sockets that follows a wished set of
// addresses; as a net.Listener it is all of them. Safe for any number of
// goroutines.
type listeners struct {
	conn   chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	open map[netip.AddrPort]net.Listener
}

func newListeners() *listeners {
	return &listeners{conn: make(chan net.Conn), closed: make(chan struct{}), open: make(map[netip.AddrPort]net.Listener)}
}

// Set opens and closes sockets so that exactly these addresses are listened on.
// An address need not be on an interface yet (IP_FREEBIND).
func (l *listeners) Set(want []netip.AddrPort) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for addr, ln := range l.open {
		if !slices.Contains(want, addr) {
			errs = append(errs, ln.Close())
			delete(l.open, addr)
		}
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var serr error
		if err := c.Control(func(fd uintptr) {
			serr = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_FREEBIND, 1)
		}); err != nil {
			return err
		}
		return serr
	}}
	for _, addr := range want {
		if l.open[addr] != nil {
			continue
		}
		ln, err := lc.Listen(context.Background(), "tcp4", addr.String())
		if err != nil {
			errs = append(errs, fmt.Errorf("listening on %s: %w", addr, err))
			continue
		}
		l.open[addr] = ln
		go l.accept(ln)
	}
	return errors.Join(errs...)
}

func (l *listeners) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors, say: give others time to finish.
			<-time.After(100 * time.Millisecond)
			continue
		}
		select {
		case l.conn <- c:
		case <-l.closed:
			_ = c.Close()
		}
	}
}

// Accept waits for a connection on any of the sockets.
func (l *listeners) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close closes every socket.
func (l *listeners) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Set(nil)
}

// Addr implements net.Listener.
func (l *listeners) Addr() net.Addr { return &net.TCPAddr{Port: adminPort} }

// adminAddrs are the addresses of the admin pages.
func adminAddrs(c config.Config) []netip.AddrPort {
	var out []netip.AddrPort
	for _, z := range c.Zones {
		if z.Kind == config.ZoneSchool {
			out = append(out, netip.AddrPortFrom(z.Address.Addr(), adminPort))
		}
	}
	return out
}

// openAdmin makes the admin pages and, on a box nobody has set up, shows the
// set-up code on the console and nowhere else.
func (b *box) openAdmin() error {
	b.doors = newListeners()
	authority, err := b.authority()
	if err != nil {
		return err
	}
	code, err := admin.SetupCode(b.records)
	if err != nil {
		return err
	}
	o := admin.Options{
		Records: b.records, Config: b.config, Health: &b.health, Lists: b.lists,
		Snapshot: func() *identity.Snapshot {
			snap, _ := b.loop.Snapshot()
			return snap
		},
		Told: b.loop.Told, Explain: b.explain.Explain, Metrics: b.metrics, Flush: b.logbook.Flush, Prune: b.pruneQueries,
		Kick: b.loop.Wake, CA: authority, Now: b.now, Log: slog.Default(), SetupCode: code, Port: adminPort,
	}
	if b.updates != nil {
		o.Updates = b.updates
	}
	if b.admin, err = admin.New(o); err != nil {
		return fmt.Errorf("making the admin pages: %w", err)
	}
	if code == "" {
		return nil
	}
	out := io.Writer(os.Stdout)
	if b.console != "" {
		f, err := os.OpenFile(b.console, os.O_WRONLY, 0)
		if err != nil {
			// Not to standard output: that ends up in the log on the card.
			slog.Error("the console cannot be opened, so nobody can see the set-up code; it is tried again at the next start", "err", err)
			return nil
		}
		defer f.Close()
		out = f
	}
	cfg := b.config.Effective()
	addr := "the box"
	if a := adminAddrs(cfg); len(a) > 0 {
		addr = "https://" + a[0].String() + "/"
	}
	_, err = fmt.Fprintf(out, "\nThis box is not set up yet. On a computer of the school's network open\n\n    %s\n\nand enter this set-up code:\n\n    %s\n\nThe fingerprint of the box's own certificate authority is\n\n    %s\n\n", addr, code, authority.Fingerprint())
	return err
}

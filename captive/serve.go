package captive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	perClient = 32   // connections of one address
	inAll     = 1024 // and of all of them
)

// Serve answers HTTP on every listener of plain and, with a certificate, HTTPS on
// every one of secure, until ctx ends; then it returns nil.
func (s *Server) Serve(ctx context.Context, plain, secure []net.Listener) error {
	count := &crowd{clients: make(map[netip.Addr]int)}
	var listeners []net.Listener
	for _, ln := range plain {
		listeners = append(listeners, &crowdListener{ln, count})
	}
	if s.tls != nil {
		for _, ln := range secure {
			listeners = append(listeners, tls.NewListener(&crowdListener{ln, count}, s.tls))
		}
	}
	srv := &http.Server{
		Handler:                      s,
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  10 * time.Second,
		WriteTimeout:                 20 * time.Second, // a signature waits for the writer's disk
		IdleTimeout:                  15 * time.Second,
		MaxHeaderBytes:               16 << 10,
		ConnContext:                  s.connContext,
		DisableGeneralOptionsHandler: true,                                                // "OPTIONS *" gets the portal like everything else
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // hostile clients must not fill the log
	}
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			_ = srv.Close()
		}
	})
	defer stop()
	errs := make(chan error, len(listeners))
	for _, ln := range listeners {
		go func() { errs <- srv.Serve(ln) }()
	}
	var first error
	for range listeners {
		if err := <-errs; err != nil && !errors.Is(err, http.ErrServerClosed) && first == nil {
			first = err
			_ = srv.Close()
		}
	}
	if len(listeners) == 0 {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("serving the portal: %w", first)
}

// crowd counts connections, so that one device cannot take them all.
type crowd struct {
	mu      sync.Mutex
	clients map[netip.Addr]int
	all     int
}

func (c *crowd) enter(a netip.Addr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= inAll || c.clients[a] >= perClient {
		return false
	}
	c.all++
	c.clients[a]++
	return true
}

func (c *crowd) leave(a netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.clients[a]--; c.clients[a] <= 0 {
		delete(c.clients, a)
	}
}

type crowdListener struct {
	net.Listener
	crowd *crowd
}

// Accept closes at once what is too much: a device that is refused tries again,
// one that waits hangs.
func (l *crowdListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		a := addrOf(c.RemoteAddr().String())
		if !l.crowd.enter(a) {
			_ = c.Close()
			continue
		}
		return &crowdConn{Conn: c, leave: sync.OnceFunc(func() { l.crowd.leave(a) })}, nil
	}
}

type crowdConn struct {
	net.Conn
	leave func()
}

func (c *crowdConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

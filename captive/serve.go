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
	"time"

	"stairgate/config/crowd"
	"stairgate/config/identity"
)

const (
	perMember   = 32   // connections of an address that is online
	perStranger = 12   // and of any other: two browsers, or one and a few probes
	inAll       = 1024 // of all addresses together
)

// allowance is how many connections an address may have.
func (s *Server) allowance(a netip.Addr) int {
	if snap := s.edge.Snapshot(); snap != nil {
		if c, _ := snap.Lookup(a); c.Class == identity.Admitted {
			return perMember
		}
	}
	return perStranger
}

// Serve answers HTTP on every listener of plain and, with a certificate, HTTPS on
// every one of secure, until ctx ends; then it returns nil.
func (s *Server) Serve(ctx context.Context, plain, secure []net.Listener) error {
	guests := crowd.New(inAll, s.allowance)
	var listeners []net.Listener
	for _, ln := range plain {
		listeners = append(listeners, guests.Listen(ln))
	}
	if s.tls != nil {
		for _, ln := range secure {
			listeners = append(listeners, tls.NewListener(guests.Listen(ln), s.tls))
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
		ConnState:                    guests.Note,
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

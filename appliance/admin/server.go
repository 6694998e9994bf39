package admin

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
	_ "time/tzdata" // the box has no time zone files of its own

	"stairgate/appliance/admin/ca"
	"stairgate/appliance/health"
	"stairgate/config"
	"stairgate/config/crowd"
	"stairgate/config/identity"
	"stairgate/dns/policy"
)

// DefaultPort is where the pages are served.
const DefaultPort = 8443

const (
	perAddress = 24  // connections of one address
	inAll      = 256 // and of all of them: each costs a TLS handshake's memory
)

// Options are what a Server works with. Records, Config, Health, Snapshot and
// CA are needed.
type Options struct {
	Records  Records
	Config   Config
	Health   *health.Board
	Lists    Lists                     // nil on a box that keeps none
	Updates  Updates                   // nil on a box that does not run from an image
	Snapshot func() *identity.Snapshot // nil before the first
	Told     func(version uint64) bool // whether those who answer questions have that snapshot; nil: nobody to ask
	// Explain says what the filter does with a name for a client; ok is false
	// while it cannot be asked. Nil on a box that has no filter to ask.
	Explain func(c identity.Client, name string, at time.Time) (x policy.Explanation, ok bool)
	Kick    func() // wakes the reconcile loop after a change
	CA      *ca.Authority
	Now     func() time.Time
	Log     *slog.Logger

	// Flush brings what was asked a moment ago into the query log; nil: it is there.
	Flush func()
	// Prune forgets what the query log no longer keeps; nil: later.
	Prune func() error
	// Metrics shows the figures for a monitoring program; nil: there are none.
	Metrics http.Handler

	// SetupCode is what the console shows while there is no account; get it from
	// the function SetupCode. With "" nobody can set the box up.
	SetupCode string
	// Port is named in sentences; the listener is the caller's.
	Port uint16
}

// Server is the admin pages. It is an http.Handler for a TLS listener.
type Server struct {
	o         Options
	log       *slog.Logger
	templates func() (templates, error) // read for the first page, not while the box starts
	mux       *http.ServeMux
	origin    *http.CrossOriginProtection
	hasher    *hasher
	guesses   attempts

	mu   sync.Mutex
	used map[string]time.Time // cookie → when it was last used
}

// New builds the pages.
func New(o Options) (*Server, error) {
	if o.Records == nil || o.Config == nil || o.Health == nil || o.Snapshot == nil || o.CA == nil {
		return nil, errors.New("admin pages: Records, Config, Health, Snapshot and CA are needed")
	}
	if o.Kick == nil {
		o.Kick = func() {}
	}
	if o.Flush == nil {
		o.Flush = func() {}
	}
	if o.Prune == nil {
		o.Prune = func() error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	s := &Server{o: o, log: o.Log, origin: http.NewCrossOriginProtection(), used: map[string]time.Time{}}
	s.templates = sync.OnceValues(func() (templates, error) { return parseTemplates(s.location) })
	var err error
	if s.hasher, err = newHasher(); err != nil {
		return nil, err
	}
	assets, err := newAssets()
	if err != nil {
		return nil, err
	}
	s.mux = s.routes(assets)
	return s, nil
}

// TLSConfig is for the listener. The certificate follows the configuration:
// when the box is called something else, the next handshake says so.
func (s *Server) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if err := s.o.CA.SetNames(NamesOf(s.o.Config.Effective())); err != nil {
				return nil, err
			}
			return s.o.CA.GetCertificate(hello)
		},
	}
}

// Serve answers on a plain TCP listener with TLS until ctx ends.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	// Nothing here tells a stranger from the technician before the login: but one
	// device cannot keep the others out.
	visitors := crowd.New(inAll, func(netip.Addr) int { return perAddress })
	srv := &http.Server{
		Handler:           s,
		ConnState:         visitors.Note,
		TLSConfig:         s.TLSConfig(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// What clients do wrong in a handshake is theirs, not an event of ours.
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			_ = srv.Close() // what is still open after the grace goes
		}
	})
	defer stop()
	err := srv.ServeTLS(visitors.Listen(ln), "", "")
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return ctx.Err()
	}
	return fmt.Errorf("serve the admin pages: %w", err)
}

// NamesOf is what the box is called under a configuration: for its certificate.
func NamesOf(cfg config.Config) ca.Names {
	n := ca.Names{Domain: cfg.DNS.Domain, Host: cfg.Portal.Host}
	for _, z := range cfg.Zones {
		n.Addrs = append(n.Addrs, z.Address.Addr())
	}
	// Somebody who forwards a port to the box opens it as this machine.
	n.Addrs = append(n.Addrs, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	return n
}

func (s *Server) now() time.Time { return s.o.Now() }

// today is the present time on the school's clock.
func (s *Server) today() time.Time {
	t := s.now().In(s.location())
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// location is the school's time zone.
func (s *Server) location() *time.Location {
	if loc, err := time.LoadLocation(s.o.Config.Effective().Time.Zone); err == nil {
		return loc
	}
	return time.UTC
}

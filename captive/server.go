package captive

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"
)

// Edge is the writer as seen from here; *edge.Client is one.
type Edge interface {
	Snapshot() *identity.Snapshot
	Sign(ctx context.Context, r edge.SignRequest) edge.Answer
	SignOut(ctx context.Context, addr netip.Addr) edge.Answer
	Why(ctx context.Context, addr netip.Addr, name string) edge.Reason
	GoOn(ctx context.Context, r edge.GoOnRequest) edge.Answer
}

// Options is what a Server needs.
type Options struct {
	Edge Edge
	// TLS holds a publicly valid certificate for the host of the snapshot's
	// CapportURL; nil: there is none.
	TLS *tls.Config
	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: nowhere
}

// Server answers every HTTP request that reaches the box.
type Server struct {
	edge     Edge
	tls      *tls.Config
	now      func() time.Time
	log      *slog.Logger
	key      [32]byte // of the form tokens; lives as long as the process
	attempts *limiter // signing and signing out
	asks     *limiter // questions to the writer why a name is blocked
	origin   *http.CrossOriginProtection
}

// New makes a Server.
func New(o Options) *Server {
	s := &Server{
		edge: o.Edge, tls: o.TLS, now: o.Now, log: o.Log,
		attempts: newLimiter(10, time.Minute),
		asks:     newLimiter(60, time.Minute),
		origin:   http.NewCrossOriginProtection(),
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	_, _ = rand.Read(s.key[:]) // never fails since Go 1.24
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := s.visit(r)
	switch {
	case v.snap == nil:
		s.starting(w, v)
	case !v.host.ours(v.data) && v.client.Class == identity.Quarantined:
		s.toPortal(w, r, v)
	case !v.host.ours(v.data):
		s.foreign(w, r, v)
	default:
		s.own(w, r, v)
	}
}

// visit is one request and everything known about who makes it.
type visit struct {
	snap   *identity.Snapshot
	data   *identity.Data
	addr   netip.Addr
	host   host
	client identity.Client
	group  identity.Group
	tls    bool
	words  *words
	now    time.Time
	// wasQuarantined is set when the client was not admitted at the time its
	// connection was made: the kernel may have redirected it to us.
	wasQuarantined bool
}

func (s *Server) visit(r *http.Request) *visit {
	v := &visit{
		snap:  s.edge.Snapshot(),
		addr:  addrOf(r.RemoteAddr),
		host:  parseHost(r.Host),
		tls:   r.TLS != nil,
		words: choose(r),
		now:   s.now(),
	}
	if v.snap == nil {
		return v
	}
	v.data = v.snap.Data()
	v.client, _ = v.snap.Lookup(v.addr)
	v.group, _ = v.snap.Group(v.client.Group)
	// The kernel ends a session on time even while the writer is away and its
	// last snapshot still says otherwise.
	if c := v.client; c.Class == identity.Admitted && !c.Until.IsZero() && !v.now.Before(c.Until) {
		v.client.Class, v.client.Person = identity.Quarantined, ""
	}
	v.wasQuarantined, _ = r.Context().Value(connKey{}).(bool)
	return v
}

func addrOf(hostport string) netip.Addr {
	ap, err := netip.ParseAddrPort(hostport)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().WithZone("").Unmap()
}

type connKey struct{}

// connContext remembers how a client stood when it connected.
func (s *Server) connContext(ctx context.Context, c net.Conn) context.Context {
	snap := s.edge.Snapshot()
	if snap == nil {
		return context.WithValue(ctx, connKey{}, true)
	}
	client, _ := snap.Lookup(addrOf(c.RemoteAddr().String()))
	return context.WithValue(ctx, connKey{}, client.Class == identity.Quarantined)
}

// own routes a request for a page of ours.
func (s *Server) own(w http.ResponseWriter, r *http.Request, v *visit) {
	admitted := v.client.Class == identity.Admitted
	path := r.URL.Path
	if path == "/" || path == "" {
		switch v.host.page(v.data) {
		case signOutLabel:
			path = "/sign-out"
		case blockedLabel:
			path = "/blocked"
		}
	}
	if s.tls != nil && !v.tls && v.host.name == v.data.Portal && capportHost(v.data) != "" {
		// With a certificate the portal is never mixed: one name, one scheme.
		s.toPortal(w, r, v)
		return
	}
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case path == "/captive-portal/api" && v.tls && read:
		s.api(w, r, v)
	case path == "/sign" && r.Method == http.MethodPost:
		s.sign(w, r, v)
	case path == "/sign-out" && r.Method == http.MethodPost && admitted:
		s.signOut(w, r, v)
	case path == "/go-on" && r.Method == http.MethodPost && admitted:
		s.goOn(w, r, v)
	case path == "/favicon.ico":
		http.NotFound(w, r)
	case !read && admitted:
		w.Header().Set("Allow", "GET, HEAD")
		s.plain(w, v, http.StatusMethodNotAllowed, "no_page_title", "no_page")
	case path == "/sign-out" && admitted:
		s.askSignOut(w, v)
	case path == "/blocked" && admitted:
		s.whyBlocked(w, r, v)
	case read && (path == "/" || path == "" || path == "/status" || path == "/sign"):
		s.front(w, v)
	case admitted:
		s.plain(w, v, http.StatusNotFound, "no_page_title", "no_page")
	default:
		s.toPortal(w, r, v)
	}
}

// front is the page at "/": what this client needs now.
func (s *Server) front(w http.ResponseWriter, v *visit) {
	switch {
	case v.client.Class == identity.Admitted:
		s.status(w, v)
	case v.client.Waiting:
		s.waiting(w, v)
	default:
		s.portal(w, v, http.StatusOK, form{}, nil)
	}
}

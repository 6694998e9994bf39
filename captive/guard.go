package captive

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

const maxBody = 8 << 10

// token is proof that a form was loaded from this address. There are no cookies
// here (sign-in sheets lose them), so without it any web page could post a
// signature in the name of whoever looks at it.
func (s *Server) token(a netip.Addr) string {
	m := hmac.New(sha256.New, s.key[:])
	b, _ := a.MarshalBinary() // netip never fails
	m.Write(b)
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:18])
}

func (s *Server) validToken(a netip.Addr, t string) bool {
	return a.IsValid() && hmac.Equal([]byte(s.token(a)), []byte(t))
}

// sameOrigin refuses a form that was posted by another site's page; what it
// "typed" is not shown again.
func (s *Server) sameOrigin(w http.ResponseWriter, r *http.Request, v *visit) bool {
	if err := s.origin.Check(r); err != nil {
		s.log.Warn("a form posted by another site", "addr", v.addr, "origin", r.Header.Get("Origin"))
		s.plain(w, v, http.StatusForbidden, "problem", "foreign_form")
		return false
	}
	return true
}

// body reads a posted form of at most maxBody bytes.
func (s *Server) body(w http.ResponseWriter, r *http.Request, v *visit) (url.Values, bool) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil && kind == "application/x-www-form-urlencoded" {
		var values url.Values
		if values, err = url.ParseQuery(string(b)); err == nil {
			return values, true
		}
	}
	status := http.StatusBadRequest
	if err != nil && len(b) >= maxBody {
		status = http.StatusRequestEntityTooLarge
	}
	s.plain(w, v, status, "problem", "unreadable")
	return nil, false
}

// maxRemembered bounds the table of a limiter; a zone's pool is far smaller.
const maxRemembered = 4096

// limiter lets each address do something a number of times in a period.
type limiter struct {
	burst  int
	period time.Duration

	mu   sync.Mutex
	seen map[netip.Addr]window
}

type window struct {
	begin time.Time
	n     int
}

func newLimiter(burst int, period time.Duration) *limiter {
	return &limiter{burst: burst, period: period, seen: make(map[netip.Addr]window)}
}

func (l *limiter) allow(a netip.Addr, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.seen[a]
	if !ok && len(l.seen) >= maxRemembered {
		l.forget(now)
	}
	if age := now.Sub(w.begin); !ok || age >= l.period || age < 0 {
		w = window{begin: now}
	}
	w.n++
	l.seen[a] = w
	return w.n <= l.burst
}

// forget makes room: first what is past, and if everything is recent, everything.
// Forgetting lets somebody try again early; remembering more would let strangers
// fill the memory.
func (l *limiter) forget(now time.Time) {
	for a, w := range l.seen {
		if now.Sub(w.begin) >= l.period {
			delete(l.seen, a)
		}
	}
	if len(l.seen) >= maxRemembered {
		clear(l.seen)
	}
}

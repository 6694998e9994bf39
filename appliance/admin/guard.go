package admin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
)

// bodyLimit is more than any form of ours; the longest is a configuration.
const bodyLimit = 1 << 20

// headers stand on every answer. There is no Strict-Transport-Security: the
// box's name may belong to another box tomorrow, whose certificate this browser
// does not know yet, and the port speaks nothing but TLS anyway.
var headers = map[string]string{
	"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; " +
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
	// Names, devices and addresses of people: not for a shared computer's cache.
	"Cache-Control": "no-store",
}

// ServeHTTP lets a request pass the checks listed in the package's comment.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for k, v := range headers {
		w.Header().Set(k, v)
	}
	defer func() {
		if v := recover(); v != nil {
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			s.log.Error("a page panicked", "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
			http.Error(w, "The page could not be shown. Go back and try again.", http.StatusInternalServerError)
		}
	}()
	if !s.ownHost(r.Host) {
		s.sorry(w, r, http.StatusMisdirectedRequest, "This is not the address of this box",
			"Open these pages at "+s.address()+" instead.")
		return
	}
	if err := s.origin.Check(r); err != nil {
		s.sorry(w, r, http.StatusForbidden, "This form came from another web site",
			"It was not carried out. Open these pages at "+s.address()+" and do it there.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, limitOf(r))
	s.mux.ServeHTTP(w, r)
}

// ownHost reports whether a Host header names this box: its names in the local
// domain, its addresses in the zones, and this machine's own (for somebody who
// forwards a port to it, as the lab does). A name that an attacker resolves to
// the box's address is none of these.
func (s *Server) ownHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	cfg := s.o.Config.Effective()
	if addr, err := netip.ParseAddr(name); err == nil {
		if addr.Unmap().IsLoopback() {
			return true
		}
		for _, z := range cfg.Zones {
			if z.Address.Addr() == addr.Unmap() {
				return true
			}
		}
		return false
	}
	return name == "localhost" || name == cfg.Portal.Host || name == NamesOf(cfg).FullName()
}

// address is where people open these pages.
func (s *Server) address() string {
	return "https://" + NamesOf(s.o.Config.Effective()).FullName() + ":" + strconv.Itoa(int(s.o.Port))
}

// visit is a request of somebody who is signed in.
type visit struct {
	account string
	role    string
	cookie  string // the session's secret
	token   string // what this session's forms carry
}

type visitKey struct{}

func withVisit(ctx context.Context, v *visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// visitOf is nil on the public pages.
func visitOf(r *http.Request) *visit {
	v, _ := r.Context().Value(visitKey{}).(*visit)
	return v
}

// actor is who does what a request asks, for the audit.
func actor(r *http.Request) string {
	if v := visitOf(r); v != nil {
		return v.account
	}
	return "somebody at " + clientAddr(r)
}

func clientAddr(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// formToken derives the token of a session's forms from its secret, so that
// there is nothing more to keep.
func formToken(cookie string) string {
	m := hmac.New(sha256.New, []byte(cookie))
	m.Write([]byte("stairgate form token"))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// member wraps a page for people who are signed in.
func (s *Server) member(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r, ok := s.signedIn(w, r)
		if !ok {
			return
		}
		if r.Method == http.MethodPost {
			if !s.readBody(w, r) {
				return
			}
			if subtle.ConstantTimeCompare([]byte(r.PostFormValue("token")), []byte(visitOf(r).token)) != 1 {
				s.sorryOld(w, r)
				return
			}
		}
		h(w, r)
	}
}

// sorryOld answers a form with the token of a session that is over.
func (s *Server) sorryOld(w http.ResponseWriter, r *http.Request) {
	s.sorry(w, r, http.StatusForbidden, "This page was open for too long",
		"You have signed in again since it was opened, so the form was not carried out. Go back, load the page again and repeat it.")
}

// signedIn is the request with whose it is; anybody else is answered.
func (s *Server) signedIn(w http.ResponseWriter, r *http.Request) (_ *http.Request, ok bool) {
	if !s.hasAccount(w, r) {
		return r, false
	}
	v, err := s.resume(w, r)
	if err != nil {
		s.fail(w, r, "reading the session", err)
		return r, false
	}
	if v == nil {
		next := ""
		if r.Method == http.MethodGet && r.URL.Path != "/" {
			next = "?next=" + url.QueryEscape(r.URL.RequestURI())
		}
		http.Redirect(w, r, "/login"+next, http.StatusSeeOther)
		return r, false
	}
	r = r.WithContext(withVisit(r.Context(), v))
	if v.role != roleTechnician && r.URL.Path != "/logout" {
		s.sorry(w, r, http.StatusForbidden, "These pages are for the technician",
			"Your account is for something else. Ask the technician for what you need, or sign out below.")
		return r, false
	}
	return r, true
}

// hasAccount leads to the set-up page while there is no account.
func (s *Server) hasAccount(w http.ResponseWriter, r *http.Request) bool {
	has, err := s.o.Records.HasAccount()
	switch {
	case err != nil:
		s.fail(w, r, "looking for an account", err)
	case !has:
		http.Redirect(w, r, "/setup", http.StatusSeeOther)
	}
	return err == nil && has
}

// readBody parses what was posted, or says why not.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) bool {
	err := r.ParseForm()
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &tooLarge):
		s.sorry(w, r, http.StatusRequestEntityTooLarge, "That was too much text",
			"A form may carry 1 megabyte at most. Go back, shorten it and send it again.")
	default:
		s.sorry(w, r, http.StatusBadRequest, "The form could not be read",
			"Go back and send it again.")
	}
	return false
}

// localPath is a path on this box to go on to, or "/": never another site.
func localPath(p string) string {
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n\t") {
		return "/"
	}
	return p
}

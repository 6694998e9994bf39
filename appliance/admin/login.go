package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
)

const (
	cookieName = "__Host-stairgate"
	// A browser left open is signed out after idleLife, and in any case at the
	// end of a working day.
	idleLife    = 30 * time.Minute
	sessionLife = 12 * time.Hour
	// hashWait is how long a sign-in waits for its turn.
	hashWait = 10 * time.Second
)

// The one answer to a wrong name and to a wrong password.
const sentenceWrong = "The account name or the password is wrong."

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) {
	if !s.hasAccount(w, r) {
		return
	}
	if v, err := s.resume(w, r); err == nil && v != nil {
		http.Redirect(w, r, localPath(r.URL.Query().Get("next")), http.StatusSeeOther)
		return
	}
	p := s.page(r, "", "Sign in")
	p.Form = filled("next", r.URL.Query().Get("next"))
	switch r.URL.Query().Get("done") {
	case "out":
		p.Done = "You are signed out."
	case "password":
		p.Done = "Your password is changed. Sign in with the new one."
	}
	s.render(w, http.StatusOK, "login", p)
}

func (s *Server) logIn(w http.ResponseWriter, r *http.Request) {
	if !s.hasAccount(w, r) || !s.readBody(w, r) {
		return
	}
	f := readForm(r)
	name := f.require("account", "Enter your account name.")
	password := f.Value("password")
	if password == "" {
		f.fail("password", "Enter your password.")
	}
	status := http.StatusUnprocessableEntity
	if f.ok() {
		right, code := s.checkPassword(r, f, name, password)
		if right {
			s.begin(w, r, name, localPath(f.Value("next")))
			return
		}
		status = code
	}
	p := s.page(r, "", "Sign in")
	p.Form = f
	s.render(w, status, "login", p)
}

// checkPassword judges a guess. It says what is wrong in the form; the answer
// and its time are the same for an account that exists and one that does not.
func (s *Server) checkPassword(r *http.Request, f *form, name, password string) (right bool, status int) {
	from := clientAddr(r)
	locked, err := s.o.Records.LockedUntil(name)
	if err != nil {
		return s.cannot(f, "reading the locks", err)
	}
	// A guess is counted before it is judged, so that guesses sent all at once
	// are counted too.
	byName, byAddr := "account "+strings.ToLower(name), "address "+from
	if until, ok := s.guesses.Take(s.now(), byName, byAddr); !ok && until.After(locked) {
		locked = until
	}
	if !locked.IsZero() {
		f.fail("", "There were too many wrong passwords. Try again after "+locked.In(s.location()).Format("15:04")+".")
		return false, http.StatusTooManyRequests
	}
	account, _, err := s.o.Records.Account(name)
	if err != nil {
		return s.cannot(f, "reading an account", err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), hashWait)
	defer cancel()
	right, err = s.hasher.Verify(ctx, account.Hash, password)
	switch {
	case errors.Is(err, errBusy):
		f.fail("", "Too many people are signing in at once. Try again in a minute.")
		return false, http.StatusServiceUnavailable
	case err != nil:
		return s.cannot(f, "checking a password", err)
	case !right:
		if _, err := s.o.Records.LoginFailed(name, from); err != nil {
			// It is counted in memory all the same.
			s.log.Error("counting a wrong password", "err", err)
		}
		f.fail("account", sentenceWrong)
		return false, http.StatusUnprocessableEntity
	}
	s.guesses.Forgive(byName, byAddr)
	return true, http.StatusOK
}

// cannot says in the form that the box failed, not the person.
func (s *Server) cannot(f *form, doing string, err error) (bool, int) {
	s.log.Error(doing, "err", err)
	f.fail("", sentenceOf(err))
	return false, http.StatusServiceUnavailable
}

// begin signs a browser in.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, name, next string) {
	if err := s.o.Records.LoginSucceeded(name, clientAddr(r)); err != nil {
		// A full disk must not keep out the person who can mend it.
		s.log.Error("recording a sign-in", "err", err)
	}
	cookie, err := s.o.Records.StartAdminSession(name, s.now().Add(sessionLife))
	if err != nil {
		s.fail(w, r, "beginning a session", err)
		return
	}
	s.touch(cookie)
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: cookie, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// resume finds who sent a request; nil when nobody who is signed in.
func (s *Server) resume(w http.ResponseWriter, r *http.Request) (*visit, error) {
	c, err := r.Cookie(cookieName)
	if err != nil || c.Value == "" {
		return nil, nil //nolint:nilerr // no cookie is no error: nobody is signed in
	}
	session, ok, err := s.o.Records.AdminSession(c.Value)
	if err != nil {
		return nil, err
	}
	if !ok {
		dropCookie(w)
		return nil, nil
	}
	if s.idle(c.Value, session.Created) {
		dropCookie(w)
		return nil, s.o.Records.EndAdminSession(c.Value)
	}
	s.touch(c.Value)
	return &visit{account: session.Account, role: session.Role, cookie: c.Value, token: formToken(c.Value)}, nil
}

// idle reports whether a session was left alone for too long. The times of use
// are in memory only: after a restart of the box a session counts from its
// beginning.
func (s *Server) idle(cookie string, created time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, ok := s.used[cookie]
	if !ok {
		last = created
	}
	return s.now().Sub(last) > idleLife
}

func (s *Server) touch(cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for c, t := range s.used {
		if now.Sub(t) > sessionLife {
			delete(s.used, c)
		}
	}
	s.used[cookie] = now
}

func (s *Server) logOut(w http.ResponseWriter, r *http.Request) {
	v := visitOf(r)
	if err := s.o.Records.EndAdminSession(v.cookie); err != nil {
		s.fail(w, r, "ending a session", err)
		return
	}
	s.audit(v.account, "signed out of the admin pages", "account:"+v.account, "from "+clientAddr(r))
	s.mu.Lock()
	delete(s.used, v.cookie)
	s.mu.Unlock()
	dropCookie(w)
	http.Redirect(w, r, "/login?done=out", http.StatusSeeOther)
}

func dropCookie(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Path: "/", MaxAge: -1,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

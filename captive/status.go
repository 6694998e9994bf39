package captive

import (
	"net/http"
	"strconv"
	"time"

	"stairgate/config/edge"
)

// warning is how long before its end a session is announced to end.
const warning = 10 * time.Minute

// status says who is signed in on this device and until when.
func (s *Server) status(w http.ResponseWriter, v *visit) {
	p := s.page(v, "status", "status_title")
	p.Person, p.Device = v.client.Person, device(v.client)
	if until := v.client.Until; !until.IsZero() {
		p.Until = v.words.when(until, v.now)
		left := until.Sub(v.now)
		if p.Ending = left <= warning; !p.Ending {
			left -= warning
		}
		// A status page that is left open tells the warning and the end in time.
		p.Refresh = strconv.Itoa(int(left/time.Second)+1) + ";url=/?lang=" + v.words.Tag
	}
	p.Token = s.token(v.addr)
	s.show(w, http.StatusOK, p)
}

// askSignOut shows the button. A GET never signs out: browsers load pages ahead.
func (s *Server) askSignOut(w http.ResponseWriter, v *visit) {
	p := s.page(v, "signout", "sign_out_title")
	p.Person, p.Device = v.client.Person, device(v.client)
	p.Token = s.token(v.addr)
	s.show(w, http.StatusOK, p)
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request, v *visit) {
	if !s.sameOrigin(w, r, v) {
		return
	}
	values, ok := s.body(w, r, v)
	if !ok {
		return
	}
	if !s.validToken(v.addr, values.Get("token")) {
		s.askSignOut(w, v)
		return
	}
	if !s.attempts.allow(v.addr, v.now) {
		w.Header().Set("Retry-After", "60")
		s.plain(w, v, http.StatusTooManyRequests, "problem", string(edge.Busy))
		return
	}
	a := s.edge.SignOut(r.Context(), v.addr)
	if a.Code != edge.SignedOut {
		status := http.StatusServiceUnavailable
		if n, ok := httpStatus[a.Code]; ok {
			status = n
		}
		p := s.page(v, "plain", "problem")
		p.Sentence = s.sentence(v, a)
		s.show(w, status, p)
		return
	}
	s.show(w, http.StatusOK, s.page(v, "signedout", "signed_out_title"))
}

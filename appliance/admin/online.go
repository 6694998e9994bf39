package admin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"stairgate/appliance/records"
	"stairgate/config/identity"
)

// presence is one device that is online.
type presence struct {
	device
	Since   time.Time
	Until   time.Time
	Session bool // whether a signature put it online
	inGroup string
}

func (s *Server) presences() ([]presence, error) {
	sessions, err := s.o.Records.LiveSessions(s.now())
	if err != nil {
		return nil, err
	}
	byMAC := map[identity.MAC]records.Session{}
	for _, sess := range sessions {
		byMAC[sess.MAC] = sess
	}
	devices, err := s.devices()
	if err != nil {
		return nil, err
	}
	clients := s.clients()
	var out []presence
	for _, d := range devices {
		sess, signed := byMAC[d.MAC]
		if !d.Online && !signed {
			continue
		}
		p := presence{device: d, Session: signed, Since: sess.Started, Until: sess.Until, inGroup: firstOf(clients[d.MAC].Group, d.Group)}
		if signed {
			p.Person = sess.FullName
			if !p.Addr.IsValid() {
				p.Addr = sess.Addr
			}
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b presence) int {
		return strings.Compare(strings.ToLower(a.Person), strings.ToLower(b.Person))
	})
	return out, nil
}

func (s *Server) showOnline(w http.ResponseWriter, r *http.Request) {
	list, err := s.presences()
	if err != nil {
		s.fail(w, r, "reading the sessions", err)
		return
	}
	p := s.page(r, "online", "Online now")
	switch r.URL.Query().Get("done") {
	case "ended":
		p.Done = "The session is ended."
	case "all":
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err == nil {
			p.Done = plural(n, "session") + " ended. To go online again, people must sign in."
		}
	}
	p.Body = list
	s.render(w, http.StatusOK, "online", p)
}

func (s *Server) askEndSession(w http.ResponseWriter, r *http.Request) {
	d, ok := s.deviceOf(w, r)
	if !ok {
		return
	}
	p := s.page(r, "online", "Sign out "+firstOf(d.Person, d.Title())+"?")
	p.Back = &link{"/online", "Online now"}
	p.Body = d
	s.render(w, http.StatusOK, "endsession", p)
}

func (s *Server) endSession(w http.ResponseWriter, r *http.Request) {
	d, ok := s.deviceOf(w, r)
	if !ok {
		return
	}
	if err := s.o.Records.EndSession(d.MAC, "ended by "+actor(r), s.now()); err != nil {
		s.fail(w, r, "ending a session", err)
		return
	}
	s.audit(actor(r), "ended a session", "device:"+d.MAC.String(), firstOf(d.Person, d.Title()))
	s.settle(r)
	http.Redirect(w, r, "/online?done=ended", http.StatusSeeOther)
}

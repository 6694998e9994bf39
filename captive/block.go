package captive

import (
	"net/http"
	"net/url"
	"strings"

	"stairgate/config/edge"
)

// foreign answers an admitted client that asks us for somebody else's site.
func (s *Server) foreign(w http.ResponseWriter, r *http.Request, v *visit) {
	switch {
	case v.host == host{}:
		// HTTP/1.0 without a Host, or nonsense in it.
		redirect(w, http.StatusFound, s.portalURL(v), "The school's network", "This address belongs to the school's gateway. Its page says how this device stands.")
		return
	case r.Method == http.MethodConnect:
		// We are nobody's proxy.
		w.Header().Set("Connection", "close")
		s.plain(w, v, http.StatusMethodNotAllowed, "no_page_title", "no_page")
		return
	}
	reason := s.why(r, v, v.host.name)
	switch {
	case reason.Known && !reason.Blocked && v.wasQuarantined:
		// The kernel led this connection here before the sign-in; the next one
		// reaches the site. No loop: a new connection is not redirected here, and
		// if DNS sends it here all the same, the next case answers it.
		again(w, r, v)
	case reason.Known && !reason.Blocked:
		// The client remembers our address from when the name was blocked.
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", "60")
		s.plain(w, v, http.StatusServiceUnavailable, "opened_title", "opened")
	default:
		s.blocked(w, v, v.host.name, reason)
	}
}

// again sends the client to the address it asked for, on a new connection.
func again(w http.ResponseWriter, r *http.Request, v *visit) {
	status := http.StatusFound
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		status = http.StatusTemporaryRedirect // with the same method
	}
	redirect(w, status, "http://"+v.host.String()+r.URL.RequestURI(), "You are online", "This device has just come online. Please load the page once more.")
}

func (s *Server) why(r *http.Request, v *visit, name string) edge.Reason {
	if name == "" || !s.asks.allow(v.addr, v.now) {
		return edge.Reason{}
	}
	return s.edge.Why(r.Context(), v.addr, name)
}

// blocked is the block page. It is a 403, so that no program takes it for the
// site and no cache keeps it as such.
func (s *Server) blocked(w http.ResponseWriter, v *visit, name string, reason edge.Reason) {
	w.Header().Set("Connection", "close")
	if v.group.Child {
		// A child learns no name here, and no way round.
		s.show(w, http.StatusForbidden, s.page(v, "child", "child_title"))
		return
	}
	p := s.page(v, "blocked", "blocked_title")
	p.because(name, reason)
	p.Time = v.words.moment(v.now.In(v.data.Time.Location()))
	s.show(w, http.StatusForbidden, p)
}

// whyBlocked answers blocked.<domain>: for a browser that was refused an https
// site can show no page of ours, only an error.
func (s *Server) whyBlocked(w http.ResponseWriter, r *http.Request, v *visit) {
	if v.group.Child {
		s.show(w, http.StatusOK, s.page(v, "child", "child_title"))
		return
	}
	s.show(w, http.StatusOK, s.whyPage(r, v, tidy(r.URL.Query().Get("name"))))
}

// whyPage says what there is to say of a site.
func (s *Server) whyPage(r *http.Request, v *visit, asked string) *view {
	p := s.page(v, "why", "why_title")
	if asked == "" || len(asked) >= 1000 {
		return p
	}
	p.Typed = asked
	name := siteName(asked)
	reason := s.why(r, v, name)
	switch {
	case name == "":
		p.Faults = []fault{{"name", v.words.say("why_bad_name")}}
	case !reason.Known:
		p.Faults = []fault{{"", v.words.say(string(edge.Away))}}
	case reason.Blocked:
		p.because(name, reason)
		p.Token = s.token(v.addr)
	default:
		p.Name, p.Open = name, true
	}
	return p
}

// because puts down why a site is blocked.
func (v *view) because(name string, reason edge.Reason) {
	v.Name, v.Category, v.Sentence = name, reason.Category, reason.Sentence
	if v.GoOn = reason.GoOn; v.GoOn {
		v.Title = v.words.say("warned_title")
	}
}

// Ask is the address of the page on which a person can go on. It is another host than
// the site's, whose pages could otherwise press the button.
func (v *view) Ask() string {
	return "http://" + blockedLabel + "." + v.domain + "/?" + url.Values{"lang": {v.Tag}, "name": {v.Name}}.Encode()
}

// siteName takes the host out of what a person copied from the address bar.
func siteName(s string) string {
	s = strings.ToLower(s)
	if _, after, ok := strings.Cut(s, "://"); ok {
		s = after
	}
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		s = s[:i]
	}
	return parseHost(s).name
}

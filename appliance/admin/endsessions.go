package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"stairgate/config/identity"
)

// everybody is the choice of all groups together. No group has such an ID.
const everybody = "*"

type endSessionsPage struct {
	Choices []choice
	Staying []string // groups that are online without a session
}

// askEndSessions is the page between the button and its effect.
func (s *Server) askEndSessions(w http.ResponseWriter, r *http.Request) {
	f := filled("of", everybody)
	if id := r.URL.Query().Get("of"); id != "" {
		f.values.Set("of", id)
	}
	s.endSessionsPage(w, r, http.StatusOK, f)
}

func (s *Server) endSessionsPage(w http.ResponseWriter, r *http.Request, status int, f *form) {
	list, err := s.presences()
	if err != nil {
		s.fail(w, r, "reading the sessions", err)
		return
	}
	all, count := 0, map[string]int{}
	for _, p := range list {
		if p.Session {
			all++
			count[p.inGroup]++
		}
	}
	var body endSessionsPage
	body.Choices = append(body.Choices, choice{everybody, "Everybody (" + plural(all, "session") + ")"})
	for _, g := range s.o.Config.Effective().Groups {
		if !g.Sign {
			body.Staying = append(body.Staying, g.Name)
			continue
		}
		body.Choices = append(body.Choices, choice{g.ID, g.Name + " (" + plural(count[g.ID], "session") + ")"})
	}
	p := s.page(r, "online", "End all sessions?")
	p.Back = &link{"/online", "Online now"}
	p.Form = f
	p.Body = body
	s.render(w, status, "endsessions", p)
}

func (s *Server) endSessions(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	reason := strings.TrimSpace(f.Value("reason"))
	of, object := f.Value("of"), "everybody"
	group, known := s.group(of)
	if of != everybody {
		object = "group:" + group.ID
		if !known {
			f.fail("of", "Choose whose sessions are to end.")
		}
	}
	if reason == "" {
		f.fail("reason", "Enter why the sessions are ended.")
	}
	if !f.ok() {
		s.endSessionsPage(w, r, http.StatusUnprocessableEntity, f)
		return
	}
	var on []identity.MAC // nil: all
	if of != everybody {
		list, err := s.presences()
		if err != nil {
			s.fail(w, r, "reading the sessions", err)
			return
		}
		on = []identity.MAC{}
		for _, p := range list {
			if p.Session && p.inGroup == of {
				on = append(on, p.MAC)
			}
		}
	}
	n, err := s.o.Records.EndSessions(actor(r), object, on, reason)
	if err != nil {
		s.refuse(f, err)
		s.endSessionsPage(w, r, statusOf(err), f)
		return
	}
	s.settle(r)
	http.Redirect(w, r, "/online?"+url.Values{"done": {"all"}, "n": {strconv.Itoa(n)}}.Encode(), http.StatusSeeOther)
}

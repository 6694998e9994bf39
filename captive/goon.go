package captive

import (
	"net/http"

	"stairgate/config/edge"
)

// goOn takes the reason of somebody who was warned of a site and needs it. Whether there
// is a warning, and for whom, is the writer's to know; here a child's device is turned
// away before it is asked.
func (s *Server) goOn(w http.ResponseWriter, r *http.Request, v *visit) {
	if !s.sameOrigin(w, r, v) {
		return
	}
	values, ok := s.body(w, r, v)
	if !ok {
		return
	}
	if v.group.Child {
		s.show(w, http.StatusForbidden, s.page(v, "child", "child_title"))
		return
	}
	name, why := siteName(values.Get("name")), tidy(values.Get("why"))
	var a edge.Answer
	switch {
	case name == "":
		s.plain(w, v, http.StatusBadRequest, "problem", "unreadable")
		return
	case !s.validToken(v.addr, values.Get("token")):
		// Most often captived was restarted since the page was loaded.
		a = edge.Answer{Code: "stale_page"}
	case why == "":
		a = edge.Answer{Code: edge.NoReason}
	case !s.attempts.allow(v.addr, v.now):
		a = edge.Answer{Code: edge.Busy}
	default:
		a = s.edge.GoOn(r.Context(), edge.GoOnRequest{Addr: v.addr, Name: name, Reason: why})
	}
	if a.Code != edge.WentOn {
		s.notGoneOn(w, r, v, name, why, a)
		return
	}
	p := s.page(v, "wenton", "went_on_title")
	p.Name, p.Until = name, v.words.when(a.Until, v.now)
	s.show(w, http.StatusOK, p)
}

// notGoneOn shows the form again with what was typed and what is wrong.
func (s *Server) notGoneOn(w http.ResponseWriter, r *http.Request, v *visit, name, why string, a edge.Answer) {
	status, ok := httpStatus[a.Code]
	switch {
	case a.Code == edge.NoWarning:
		status = http.StatusForbidden
	case a.Code == "stale_page":
		status = http.StatusConflict
	case !ok:
		status = http.StatusUnprocessableEntity
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "60")
	}
	p := s.whyPage(r, v, name)
	f := fault{Sentence: s.sentence(v, a)}
	if a.Code == edge.NoReason && p.GoOn {
		f.Field = "why"
	}
	p.Why, p.Faults = why, append(p.Faults, f)
	s.show(w, status, p)
}

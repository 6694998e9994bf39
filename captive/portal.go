package captive

import (
	"net/http"
	"slices"
	"strings"

	"stairgate/config/edge"
	"stairgate/config/identity"
)

// form is what a person typed; it is shown again with every error.
type form struct {
	FullName string
	JobTitle string
	Continue bool
}

// fault is one thing to put right.
type fault struct {
	Field    string // the id of the input it belongs to, or ""
	Sentence string
}

// portal shows the policy and the form.
func (s *Server) portal(w http.ResponseWriter, v *visit, status int, f form, faults []fault) {
	p := s.page(v, "portal", "sign_title")
	p.Form, p.Faults = f, faults
	p.Token = s.token(v.addr)
	if v.data.Refusal != "" && len(faults) == 0 && f == (form{}) {
		// Nothing is typed yet, so nothing is lost by looking again.
		p.Refresh = "30"
		p.Closed = true
	}
	s.show(w, status, p)
}

// sign takes the form. The answer is the page itself, not a redirection to one:
// phones close the sign-in sheet as soon as they are online, and by then this
// answer has arrived, while a second request would race with the closing. The
// writer takes the same signature twice for one, so loading it again is no harm.
func (s *Server) sign(w http.ResponseWriter, r *http.Request, v *visit) {
	if !s.sameOrigin(w, r, v) {
		return
	}
	values, ok := s.body(w, r, v)
	if !ok {
		return
	}
	f := form{
		FullName: tidy(values.Get("full_name")),
		JobTitle: tidy(values.Get("job_title")),
		Continue: values.Get("continue") != "",
	}
	if !s.validToken(v.addr, values.Get("token")) {
		// Most often captived was restarted since the page was loaded.
		s.portal(w, v, http.StatusConflict, f, []fault{{Sentence: v.words.say("stale_form")}})
		return
	}
	if !s.attempts.allow(v.addr, v.now) {
		s.refused(w, v, f, edge.Answer{Code: edge.Busy})
		return
	}
	req := edge.SignRequest{
		Addr: v.addr, FullName: f.FullName, JobTitle: f.JobTitle,
		Accepted: values.Get("accepted") != "", AUPVersion: values.Get("aup_version"), Continue: f.Continue,
	}
	if faults := missing(v.words, req); len(faults) > 0 {
		s.portal(w, v, http.StatusUnprocessableEntity, f, faults)
		return
	}
	switch a := s.edge.Sign(r.Context(), req); a.Code {
	case edge.Admitted:
		p := s.page(v, "signed", "online_title")
		p.Person = f.FullName
		if f.Continue {
			p.Person = v.client.Known
		}
		p.Until = v.words.when(a.Until, v.now)
		s.show(w, http.StatusOK, p)
	case edge.Waiting:
		s.waiting(w, v)
	default:
		s.log.Info("not admitted", "addr", v.addr, "code", a.Code)
		s.refused(w, v, f, a)
	}
}

// missing names everything that is not filled in, all at once.
func missing(w *words, r edge.SignRequest) []fault {
	if r.Continue {
		return nil
	}
	var out []fault
	for _, c := range []struct {
		ok   bool
		code edge.Code
	}{
		{r.FullName != "" && len(r.FullName) <= 4*edge.MaxName, edge.NameMissing},
		{r.JobTitle != "" && len(r.JobTitle) <= 4*edge.MaxName, edge.TitleMissing},
		{r.Accepted, edge.NotAccepted},
	} {
		if !c.ok {
			out = append(out, fault{field[c.code], w.say(string(c.code))})
		}
	}
	return out
}

// field is the input a code is about.
var field = map[edge.Code]string{
	edge.NameMissing:  "full_name",
	edge.TitleMissing: "job_title",
	edge.NotAccepted:  "accepted",
}

// status of the answer to each code; any other is 422.
var httpStatus = map[edge.Code]int{
	edge.Busy:        http.StatusTooManyRequests,
	edge.PolicyOld:   http.StatusConflict,
	edge.Refused:     http.StatusForbidden,
	edge.NoLease:     http.StatusForbidden,
	edge.NotRecorded: http.StatusServiceUnavailable,
	edge.Away:        http.StatusServiceUnavailable,
}

// refused shows the form again with what was typed and what is wrong.
func (s *Server) refused(w http.ResponseWriter, v *visit, f form, a edge.Answer) {
	status, ok := httpStatus[a.Code]
	if !ok {
		status = http.StatusUnprocessableEntity
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "60")
	}
	s.portal(w, v, status, f, []fault{{field[a.Code], s.sentence(v, a)}})
}

// sentence says a in the reader's language. The writer knows more than the code,
// but speaks English only: other readers get the code's sentence, followed by the
// writer's where nobody could guess the reason.
func (s *Server) sentence(v *visit, a edge.Answer) string {
	own := v.words.find(string(a.Code))
	switch {
	case a.Sentence == "" && own == "":
		return v.words.say(string(edge.Away))
	case a.Sentence == "":
		return own
	case own == "", v.words.Tag == english:
		return a.Sentence
	case a.Code == edge.NotRecorded, a.Code == edge.Refused:
		return own + " (" + a.Sentence + ")"
	}
	return own
}

// waiting thanks for the signature and looks again by itself.
func (s *Server) waiting(w http.ResponseWriter, v *visit) {
	p := s.page(v, "waiting", "waiting_title")
	p.Refresh = "20;url=/?lang=" + v.words.Tag
	s.show(w, http.StatusOK, p)
}

// tidy removes the spaces phones add when they fill in a name.
func tidy(s string) string { return strings.Join(strings.Fields(s), " ") }

// otherLanguages lists the languages the page can be read in, without its own.
func otherLanguages(w *words) []*words {
	return slices.DeleteFunc(slices.Clone(catalogue()), func(o *words) bool { return o == w })
}

// device is what people call the device, or its address.
func device(c identity.Client) string {
	if c.Device != "" {
		return c.Device
	}
	return c.Addr.String()
}

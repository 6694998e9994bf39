package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"stairgate/appliance/lists"
)

// Lists is what these pages need of the category lists.
type Lists interface {
	Status() lists.Status
	Wish() lists.Wish
	Choose(lists.Wish) error
	Accept(id, by string) error
	Reject(id, by string) error
	Remove(id string) error
	UpdateNow()
	Uploadable() []lists.Source
	Upload(ctx context.Context, id, by string, r io.Reader) (string, error)
}

// listRoutes are the addresses of the page about the category lists.
func (s *Server) listRoutes(m *http.ServeMux) {
	for pattern, page := range map[string]http.HandlerFunc{
		"GET /lists":              s.showLists,
		"POST /lists":             s.chooseLists,
		"POST /lists/update":      s.updateLists,
		"POST /lists/{id}/accept": s.acceptList,
		"POST /lists/{id}/reject": s.rejectList,
		"POST /lists/{id}/remove": s.removeList,
	} {
		m.HandleFunc(pattern, s.member(page))
	}
	m.HandleFunc("POST "+uploadPath, s.uploadList)
}

type listsPage struct {
	lists.Status
	Waiting []lists.ListStatus
	InUse   []listRow
	Choices []listChoice
	Own     []lists.Source // that can be uploaded: the school's own
	Others  []lists.Source // and those of the catalogue
}

type listRow struct {
	lists.ListStatus
	About   string
	Said    string // the standing, for people
	Class   string // of its tag
	Removes bool   // it is the school's own
}

type listChoice struct {
	lists.Source
	About string
}

// standings are how a list is doing, in a person's words.
var standings = map[lists.Standing]struct{ text, class string }{
	lists.Good:    {"Up to date", "govuk-tag--green"},
	lists.Ill:     {"Not renewed", "govuk-tag--orange"},
	lists.Aged:    {"Old", "govuk-tag--red"},
	lists.Absent:  {"Not here yet", "govuk-tag--grey"},
	lists.Waiting: {"Waits for you", "govuk-tag--yellow"},
}

// aboutOf names the categories of a list.
func aboutOf(s lists.Source) string {
	var words []string
	for _, c := range s.Categories() {
		if info, ok := c.Info(); ok {
			words = append(words, info.Name)
		}
	}
	if len(words) > 3 {
		return "Many categories"
	}
	return strings.Join(words, ", ")
}

// listsDone are the sentences at the top after something was done.
var listsDone = map[string]string{
	"chosen":   "The choice is kept. New lists are being fetched; that can take some minutes.",
	"update":   "The box is looking for newer lists. That can take some minutes; load the page again to see how far it is.",
	"accepted": "The new version is taken in. It is in use in a moment.",
	"rejected": "The new version is dropped. The list stays as it is.",
	"removed":  "The list is removed.",
	"uploaded": "The list is taken in. It is in use in a moment.",
}

func (s *Server) showLists(w http.ResponseWriter, r *http.Request) {
	if !s.hasLists(w, r) {
		return
	}
	s.renderLists(w, r, http.StatusOK, nil, listsDone[r.URL.Query().Get("done")])
}

// hasLists says so where there are none.
func (s *Server) hasLists(w http.ResponseWriter, r *http.Request) bool {
	if s.o.Lists == nil {
		s.sorry(w, r, http.StatusNotFound, "There are no lists", "This box blocks by its built-in table alone.")
	}
	return s.o.Lists != nil
}

// renderLists shows the page, with what is wrong if something is.
func (s *Server) renderLists(w http.ResponseWriter, r *http.Request, status int, f *form, done string) {
	p := s.page(r, "lists", "Category lists")
	if f != nil {
		p.Form = f
	}
	p.Done = done
	st := s.o.Lists.Status()
	body := listsPage{Status: st}
	for _, l := range st.Lists {
		if l.URL != "" && strings.HasPrefix(l.URL, "https:") {
			body.Choices = append(body.Choices, listChoice{l.Source, aboutOf(l.Source)})
		}
		if l.Standing == lists.Off {
			continue
		}
		row := listRow{ListStatus: l, About: aboutOf(l.Source), Removes: strings.HasPrefix(l.URL, "upload:")}
		row.Said, row.Class = standings[l.Standing].text, standings[l.Standing].class
		body.InUse = append(body.InUse, row)
		if l.Standing == lists.Waiting {
			body.Waiting = append(body.Waiting, l)
		}
	}
	for _, u := range s.o.Lists.Uploadable() {
		if strings.HasPrefix(u.URL, "upload:") {
			body.Own = append(body.Own, u)
		} else {
			body.Others = append(body.Others, u)
		}
	}
	p.Body = body
	s.render(w, status, "lists", p)
}

// refuseLists shows the page again with a sentence.
func (s *Server) refuseLists(w http.ResponseWriter, r *http.Request, field string, err error) {
	f := filled()
	f.fail(field, lists.Sentence(err))
	status := http.StatusUnprocessableEntity
	var refusal *lists.Refusal
	if !errors.As(err, &refusal) {
		s.log.Error("changing the lists", "path", r.URL.Path, "err", err)
		status = http.StatusServiceUnavailable
	}
	s.renderLists(w, r, status, f, "")
}

func (s *Server) chooseLists(w http.ResponseWriter, r *http.Request) {
	if !s.hasLists(w, r) {
		return
	}
	f := readForm(r)
	wish := s.o.Lists.Wish()
	before := s.listsOn()
	wish.On = []string{}
	for _, l := range s.o.Lists.Status().Lists {
		shown := f.Has("shown", l.ID)
		if shown && f.Has("on", l.ID) || !shown && slices.Contains(before, l.ID) {
			wish.On = append(wish.On, l.ID)
		}
	}
	if err := s.o.Lists.Choose(wish); err != nil {
		s.refuseLists(w, r, "", err)
		return
	}
	on, off := difference(wish.On, before), difference(before, wish.On)
	if len(on)+len(off) > 0 {
		s.audit(actor(r), "chose category lists", "lists", strings.TrimSpace(said("on: ", on)+said("off: ", off)))
	}
	http.Redirect(w, r, "/lists?done=chosen", http.StatusSeeOther)
}

// listsOn are the lists of the catalogue that are in use.
func (s *Server) listsOn() []string {
	var out []string
	for _, l := range s.o.Lists.Status().Lists {
		if l.On && strings.HasPrefix(l.URL, "https:") {
			out = append(out, l.ID)
		}
	}
	return out
}

func difference(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func said(word string, ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return word + strings.Join(ids, ", ") + " "
}

func (s *Server) updateLists(w http.ResponseWriter, r *http.Request) {
	if !s.hasLists(w, r) {
		return
	}
	s.o.Lists.UpdateNow()
	s.audit(actor(r), "asked for newer category lists", "lists", "")
	http.Redirect(w, r, "/lists?done=update", http.StatusSeeOther)
}

func (s *Server) acceptList(w http.ResponseWriter, r *http.Request) {
	s.decideList(w, r, "accepted", func(id string) error { return s.o.Lists.Accept(id, actor(r)) })
}

func (s *Server) rejectList(w http.ResponseWriter, r *http.Request) {
	s.decideList(w, r, "rejected", func(id string) error { return s.o.Lists.Reject(id, actor(r)) })
}

func (s *Server) removeList(w http.ResponseWriter, r *http.Request) {
	s.decideList(w, r, "removed", s.o.Lists.Remove)
}

// decideList carries out a decision about one list and writes it into the audit.
func (s *Server) decideList(w http.ResponseWriter, r *http.Request, what string, do func(id string) error) {
	if !s.hasLists(w, r) {
		return
	}
	id := r.PathValue("id")
	detail := s.listDetail(id)
	if err := do(id); err != nil {
		s.refuseLists(w, r, "", err)
		return
	}
	s.audit(actor(r), what+" a category list", "list:"+id, detail)
	http.Redirect(w, r, "/lists?done="+what, http.StatusSeeOther)
}

// listDetail is what the audit says about a list that is decided about.
func (s *Server) listDetail(id string) string {
	for _, l := range s.o.Lists.Status().Lists {
		if l.ID == id && l.Standing == lists.Waiting {
			return lists.Names(l.New) + " instead of " + lists.Number(l.Names)
		} else if l.ID == id {
			return lists.Names(l.Names)
		}
	}
	return ""
}

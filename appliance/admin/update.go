package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"stairgate/appliance/update"
	"stairgate/appliance/update/bundle"
)

// Updates is what these pages need of the box's updates.
type Updates interface {
	Status() update.Status
	Receive(ctx context.Context, by string, size int64, r io.Reader) error
	Fetch(ctx context.Context, by, partition, name string) error
	Install(by, version string, now bool) error
	Discard(by string) error
	Acknowledge() error
}

// updateRoutes are the addresses of the page about updates.
func (s *Server) updateRoutes(m *http.ServeMux) {
	for pattern, page := range map[string]http.HandlerFunc{
		"GET /update":          s.showUpdate,
		"POST /update/stick":   s.fetchUpdate,
		"POST /update/install": s.installUpdate,
		"POST /update/discard": s.discardUpdate,
		"POST /update/read":    s.readUpdate,
	} {
		m.HandleFunc(pattern, s.member(page))
	}
	m.HandleFunc("POST "+updatePath, s.uploadUpdate)
}

type updatePage struct {
	update.Status
	Percent   int
	Online    int
	Board     string
	Following bool // something is going on: the page renews itself
}

// boardNames are the boards in a person's words.
var boardNames = map[string]string{"amd64": "PC (amd64)", "rpi": "Raspberry Pi"}

// updateDone are the sentences at the top after something was done.
var updateDone = map[string]string{
	"uploaded":  "The file was checked and is genuine. Nothing is installed yet: choose when.",
	"tonight":   "The update is going to be installed tonight.",
	"discarded": "The update was discarded.",
	"read":      "Noted.",
}

func (s *Server) showUpdate(w http.ResponseWriter, r *http.Request) {
	if s.hasUpdates(w, r) {
		s.renderUpdate(w, r, http.StatusOK, nil, updateDone[r.URL.Query().Get("done")])
	}
}

// hasUpdates says so on a box that was not written from an image.
func (s *Server) hasUpdates(w http.ResponseWriter, r *http.Request) bool {
	if s.o.Updates == nil {
		s.sorry(w, r, http.StatusNotFound, "This box is not updated here",
			"It does not run from an image of Stairgate but from programs that somebody started, so there is nothing to put a new version in. Whoever started them updates them.")
	}
	return s.o.Updates != nil
}

func (s *Server) renderUpdate(w http.ResponseWriter, r *http.Request, status int, f *form, done string) {
	p := s.page(r, "update", "Updates")
	if f != nil {
		p.Form = f
	}
	p.Done = done
	b := updatePage{Status: s.o.Updates.Status()}
	b.Board = firstOf(boardNames[string(b.Release.Board)], string(b.Release.Board))
	if b.Total > 0 {
		b.Percent = int(100 * b.Done / b.Total)
	}
	if snap := s.o.Snapshot(); snap != nil {
		b.Online = len(snap.Members())
	}
	// An installation that is due begins within seconds.
	b.Following = b.Phase != update.Idle || b.Ready != nil && !b.When.IsZero() && b.When.Sub(p.Now) < time.Minute
	p.Following = b.Following
	p.Body = b
	s.render(w, status, "update", p)
}

// refuseUpdate shows why something was not done.
func (s *Server) refuseUpdate(w http.ResponseWriter, r *http.Request, field string, err error) {
	var refusal bundle.Refusal
	if !errors.As(err, &refusal) {
		s.fail(w, r, "updating", err)
		return
	}
	f := filled()
	f.fail(field, string(refusal))
	s.renderUpdate(w, r, http.StatusUnprocessableEntity, f, "")
}

func (s *Server) fetchUpdate(w http.ResponseWriter, r *http.Request) {
	if !s.hasUpdates(w, r) {
		return
	}
	s.takeTime(w)
	if err := s.o.Updates.Fetch(r.Context(), actor(r), r.PostFormValue("device"), r.PostFormValue("name")); err != nil {
		s.refuseUpdate(w, r, "stick", err)
		return
	}
	http.Redirect(w, r, "/update?done=uploaded", http.StatusSeeOther)
}

func (s *Server) installUpdate(w http.ResponseWriter, r *http.Request) {
	if !s.hasUpdates(w, r) {
		return
	}
	now := r.PostFormValue("when") == "now"
	if err := s.o.Updates.Install(actor(r), r.PostFormValue("version"), now); err != nil {
		s.refuseUpdate(w, r, "", err)
		return
	}
	next := "/update?done=tonight"
	if now {
		next = "/update"
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (s *Server) discardUpdate(w http.ResponseWriter, r *http.Request) {
	if !s.hasUpdates(w, r) {
		return
	}
	if err := s.o.Updates.Discard(actor(r)); err != nil {
		s.refuseUpdate(w, r, "", err)
		return
	}
	http.Redirect(w, r, "/update?done=discarded", http.StatusSeeOther)
}

func (s *Server) readUpdate(w http.ResponseWriter, r *http.Request) {
	if !s.hasUpdates(w, r) {
		return
	}
	if err := s.o.Updates.Acknowledge(); err != nil {
		s.refuseUpdate(w, r, "", err)
		return
	}
	s.o.Kick()
	http.Redirect(w, r, "/update?done=read", http.StatusSeeOther)
}

// versionFacts are what the overview says of the version.
func (s *Server) versionFacts() (facts [][2]string) {
	if s.o.Updates == nil {
		return nil
	}
	u := s.o.Updates.Status()
	facts = append(facts, [2]string{"Version", u.Release.Version + " of " + sayDay(u.Release.Built)})
	switch {
	case u.Phase == update.Trial:
		facts = append(facts, [2]string{"Update", "Version " + u.Release.Version + " is on trial"})
	case u.Ready != nil && !u.When.IsZero():
		facts = append(facts, [2]string{"Update", "Version " + u.Ready.Version + " is going to be installed at " + sayTime(u.When, s.location())})
	case u.Ready != nil:
		facts = append(facts, [2]string{"Update", "Version " + u.Ready.Version + " waits for you under Updates"})
	case u.Result != nil:
		facts = append(facts, [2]string{"Last update", u.Result.Sentence})
	}
	return facts
}

// Trust is how long a trial needs, for people.
func (u updatePage) Trust() string { return sayDuration(u.Needs) }

// Remaining is how long a trial may still take, for people.
func (u updatePage) Remaining() string { return sayDuration(u.Left) }

func sayDuration(d time.Duration) string {
	if d < 2*time.Minute {
		return strconv.Itoa(int(d.Round(time.Second)/time.Second)) + " seconds"
	}
	return plural(int(d.Round(time.Minute)/time.Minute), "minute")
}

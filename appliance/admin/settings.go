package admin

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"stairgate/config"
)

// windows are how long a technician may give themselves to come back.
var windows = []time.Duration{90 * time.Second, 5 * time.Minute, 15 * time.Minute}

func (s *Server) showSettings(w http.ResponseWriter, r *http.Request) {
	text, etag := s.o.Config.Text()
	s.settingsForm(w, r, http.StatusOK, filled("config", string(text), "etag", etag))
}

func (s *Server) settingsForm(w http.ResponseWriter, r *http.Request, status int, f *form) {
	p := s.page(r, "settings", "Settings")
	p.Form = f
	switch r.URL.Query().Get("done") {
	case "kept":
		p.Done = "The new settings are kept."
	case "reverted":
		p.Done = "The old settings are back."
	case "same":
		p.Done = "Nothing was changed, so there was nothing to try."
	}
	s.render(w, status, "settings", p)
}

// checkSettings shows in sentences what a candidate would change.
func (s *Server) checkSettings(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	if f.Value("edit") != "" {
		s.settingsForm(w, r, http.StatusOK, f)
		return
	}
	s.propose(w, r, f)
}

// propose shows the sentences of a candidate, or what is wrong with it.
func (s *Server) propose(w http.ResponseWriter, r *http.Request, f *form) {
	current, etag := s.o.Config.Current()
	candidate, err := config.Parse([]byte(f.Value("config")))
	if err == nil && f.Value("etag") != etag {
		err = config.ErrChanged
	}
	if err != nil {
		s.refuseSettings(w, r, f, err)
		return
	}
	changes := config.Diff(current, candidate)
	if len(changes) == 0 && f.Value("config") == string(first(s.o.Config.Text())) {
		http.Redirect(w, r, "/settings?done=same", http.StatusSeeOther)
		return
	}
	p := s.page(r, "settings", "Check the new settings")
	p.Back = &link{"/settings", "Settings"}
	p.Form = f
	p.Body = proposal{changes, windowChoices(addresses(current), addresses(candidate)), newAddress(current, candidate, s.o.Port)}
	s.render(w, http.StatusOK, "proposal", p)
}

type proposal struct {
	Changes []string
	Windows []windowChoice
	Moved   string // where these pages will be, when that changes
}

type windowChoice struct {
	Seconds int
	Text    string
	Chosen  bool
}

// windowChoices offers the lengths of a trial; when the box moves to another
// address the computer needs a new lease first, so the longer one is proposed.
func windowChoices(before, after []netip.Addr) []windowChoice {
	out := make([]windowChoice, len(windows))
	for i, d := range windows {
		out[i] = windowChoice{int(d / time.Second), plural(int(d/time.Minute), "minute"), i == 0}
	}
	out[0].Text = "90 seconds"
	if !slices.Equal(before, after) {
		out[0].Chosen, out[1].Chosen = false, true
	}
	return out
}

// addresses are the box's own in the zones that may open these pages.
func addresses(c config.Config) []netip.Addr {
	var out []netip.Addr
	for _, z := range c.Zones {
		if z.Kind == config.ZoneSchool {
			out = append(out, z.Address.Addr())
		}
	}
	return out
}

// newAddress is where these pages are afterwards; "" when they stay.
func newAddress(before, after config.Config, port uint16) string {
	a, b := addresses(before), addresses(after)
	if slices.Equal(a, b) || len(b) == 0 {
		return ""
	}
	return "https://" + netip.AddrPortFrom(b[0], port).String()
}

// refuseSettings shows the settings again, with what is wrong and all that was
// typed.
func (s *Server) refuseSettings(w http.ResponseWriter, r *http.Request, f *form, err error) {
	status := http.StatusUnprocessableEntity
	var problems config.Problems
	var refusal *config.Refusal
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			f.fail("config", strings.TrimPrefix(p.Path+": ", ": ")+p.Sentence)
		}
	case errors.Is(err, config.ErrChanged):
		status = http.StatusConflict
		// The next check compares with what is in force now and names every
		// difference, those of the other person included.
		_, etag := s.o.Config.Current()
		f.values.Set("etag", etag)
		f.fail("config", "Somebody else has changed the settings since you began. Your text is below as you typed it. Check it again: it is now compared with their settings, and what you would undo is listed.")
	case errors.As(err, &refusal):
		status = http.StatusConflict
		f.fail("", refusal.Sentence)
	default:
		s.log.Error("trying settings", "err", err)
		status = http.StatusServiceUnavailable
		f.fail("", "The settings could not be written down, so nothing was changed. If this stays so, look at the overview for what is wrong with the box’s storage.")
	}
	s.settingsForm(w, r, status, f)
}

func (s *Server) trySettings(w http.ResponseWriter, r *http.Request) {
	f := readForm(r)
	before := s.o.Config.Effective()
	window := windows[0]
	if n, err := strconv.Atoi(f.Value("window")); err == nil && slices.Contains(windows, time.Duration(n)*time.Second) {
		window = time.Duration(n) * time.Second
	}
	changes, err := s.o.Config.Try([]byte(f.Value("config")), f.Value("etag"), window)
	if err != nil {
		s.refuseSettings(w, r, f, err)
		return
	}
	s.audit(actor(r), "tried settings", "config", strings.Join(changes, " "))
	if !slices.Equal(addresses(before), addresses(s.o.Config.Effective())) {
		// The box is about to leave the address this browser talks to: answer now,
		// a redirection would lead to where nobody is any more.
		s.showTrial(w, r)
		s.o.Kick()
		return
	}
	s.settle(r)
	http.Redirect(w, r, "/settings/trial", http.StatusSeeOther)
}

type trialPage struct {
	Changes []string
	Etag    string
	Moved   string
}

func (s *Server) showTrial(w http.ResponseWriter, r *http.Request) {
	current, _ := s.o.Config.Current()
	// The candidate's own etag: Keep on a page that stood open keeps what that
	// page showed, and never what somebody else has put on trial since.
	_, etag, _ := s.o.Config.Candidate()
	candidate, _, ok := s.o.Config.Pending()
	if !ok {
		s.trialOver(w, r)
		return
	}
	p := s.page(r, "settings", "New settings on trial")
	p.Back = &link{"/settings", "Settings"}
	p.OnTrial = true
	p.Body = trialPage{config.Diff(current, candidate), etag, newAddress(current, candidate, s.o.Port)}
	s.render(w, http.StatusOK, "trial", p)
}

// trialOver tells somebody who comes too late what happened.
func (s *Server) trialOver(w http.ResponseWriter, r *http.Request) {
	s.sorry(w, r, http.StatusConflict, "No settings are on trial",
		"Either they were kept, or the time was over and the box went back to the settings before. The page Settings shows what is in force.")
}

func (s *Server) keepSettings(w http.ResponseWriter, r *http.Request) {
	current, _ := s.o.Config.Current()
	candidate, _, ok := s.o.Config.Pending()
	if !ok {
		s.trialOver(w, r)
		return
	}
	changes := config.Diff(current, candidate)
	if err := s.o.Config.Confirm(readForm(r).Value("etag")); err != nil {
		s.refuseTrial(w, r, err)
		return
	}
	s.audit(actor(r), "kept settings", "config", strings.Join(changes, " "))
	s.settle(r)
	http.Redirect(w, r, "/settings?done=kept", http.StatusSeeOther)
}

func (s *Server) revertSettings(w http.ResponseWriter, r *http.Request) {
	before := s.o.Config.Effective()
	if err := s.o.Config.Revert(); err != nil {
		s.refuseTrial(w, r, err)
		return
	}
	s.audit(actor(r), "put the old settings back", "config", "")
	if there, moved := movedTo(r, before, s.o.Config.Effective(), s.o.Port); moved {
		// As with a trial: answered from here while here is still there.
		s.showMoved(w, r, there, "/settings?done=reverted")
		s.o.Kick()
		return
	}
	s.settle(r)
	http.Redirect(w, r, "/settings?done=reverted", http.StatusSeeOther)
}

func (s *Server) refuseTrial(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *config.Refusal
	if errors.As(err, &refusal) {
		s.sorry(w, r, http.StatusConflict, "Nothing was changed", refusal.Sentence)
		return
	}
	s.log.Error("ending a trial of settings", "err", err)
	s.sorry(w, r, http.StatusServiceUnavailable, "That did not work",
		"The settings could not be written down. If they stay on trial, try once more before the time is over.")
}

func (s *Server) showHistory(w http.ResponseWriter, r *http.Request) {
	entries, err := s.o.Config.History()
	if err != nil {
		s.log.Error("reading the history of settings", "err", err)
		s.sorry(w, r, http.StatusServiceUnavailable, "That did not work", "The history of settings could not be read.")
		return
	}
	slices.SortStableFunc(entries, func(a, b config.Entry) int { return b.Time.Compare(a.Time) })
	p := s.page(r, "settings", "History of the settings")
	p.Back = &link{"/settings", "Settings"}
	p.Body = entries
	s.render(w, http.StatusOK, "history", p)
}

func (s *Server) showReference(w http.ResponseWriter, r *http.Request) {
	p := s.page(r, "settings", "Every setting, explained")
	p.Back = &link{"/settings", "Settings"}
	p.Body = string(config.Reference())
	s.render(w, http.StatusOK, "reference", p)
}

func first[T, U any](t T, _ U) T { return t }

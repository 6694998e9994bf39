package admin

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"stairgate/appliance/lists"
)

//go:embed templates/*.html
var templateFiles embed.FS

// page is what the layout shows round every page.
type page struct {
	Title   string // without "Error: " and the school's name
	Section string // which entry of the navigation is the present one
	School  string
	Contact string
	Account string // who is signed in; "" on the public pages
	Token   string // of the session, for the forms
	Done    string // what has just been done, in a sentence
	Trial   *trial // settings on trial, if any
	OnTrial bool   // this page is about the trial: no banner about it
	// Following has a browser without scripts load the page again and again.
	Following bool
	Refresh   string // what the browser does by itself after a while: "20; url=…"
	Form      *form  // what was typed and what is wrong with it
	Now       time.Time
	Back      *link // the page above this one
	Body      any
}

type link struct{ URL, Text string }

// trial is a candidate configuration that waits for Keep.
type trial struct {
	Until time.Time
	Left  time.Duration
}

// templates are the pages, each parsed together with the layout and the parts.
type templates map[string]*template.Template

func parseTemplates(loc func() *time.Location) (templates, error) {
	names, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("list the templates: %w", err)
	}
	funcs := template.FuncMap{
		"field":     newField,
		"when":      func(t time.Time) string { return sayTime(t, loc()) },
		"whenExact": func(t time.Time) string { return t.In(loc()).Format("2 Jan 2006, 15:04:05") },
		"clock":     func(t time.Time) string { return t.In(loc()).Format("15:04:05") },
		"iso":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"ago":       ago,
		"since":     since,
		"day":       sayDay,
		"plural":    plural,
		"known":     func(a netip.Addr) bool { return a.IsValid() },
		"fallback":  func(alt, s string) string { return firstOf(s, alt) },
		"upper":     upperFirst,
		"number":    lists.Number,
		"names":     lists.Names,
		"megabytes": func(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/(1<<20)) },

		"choose":        newMenu,
		"deviceChoices": deviceChoices,
	}
	out := templates{}
	for _, e := range names {
		name := strings.TrimSuffix(e.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		t, err := template.New("layout.html").Funcs(funcs).ParseFS(templateFiles,
			"templates/layout.html", "templates/parts.html", "templates/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the template %s: %w", e.Name(), err)
		}
		out[name] = t
	}
	return out, nil
}

// render writes a page, whole or not at all.
func (s *Server) render(w http.ResponseWriter, status int, name string, p page) {
	var b bytes.Buffer
	pages, err := s.templates()
	if err == nil {
		err = pages[name].ExecuteTemplate(&b, "layout.html", p)
	}
	if err != nil {
		s.log.Error("showing a page", "page", name, "err", err)
		http.Error(w, "The page could not be shown. Go back and try again.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the browser went away: nobody to tell
}

// page fills in what the layout needs.
func (s *Server) page(r *http.Request, section, title string) page {
	cfg := s.o.Config.Effective()
	p := page{Title: title, Section: section, School: cfg.School.Name, Contact: cfg.School.Contact, Form: &form{}, Now: s.now()}
	if v := visitOf(r); v != nil {
		p.Account, p.Token = v.account, v.token
		if _, until, ok := s.o.Config.Pending(); ok {
			p.Trial = &trial{Until: until, Left: until.Sub(p.Now).Round(time.Second)}
		}
	}
	return p
}

// sorry shows a page with one sentence.
func (s *Server) sorry(w http.ResponseWriter, r *http.Request, status int, title, sentence string) {
	p := s.page(r, "", title)
	p.Body = sentence
	s.render(w, status, "sorry", p)
}

// Heading is the title as the browser's tab shows it.
func (p page) Heading() string {
	s := p.Title
	if p.Form != nil && len(p.Form.errors) > 0 {
		s = "Error: " + s
	}
	return s + " – Stairgate – " + p.School
}

// Nav is the list of pages for people who are signed in.
func (p page) Nav() []navItem {
	items := []navItem{
		{"/", "Overview", "overview"},
		{"/devices", "Devices", "devices"},
		{"/online", "Online", "online"},
		{"/signatures", "Signatures", "signatures"},
		{"/groups", "Groups", "groups"},
		{"/rules", "Rules", "rules"},
		{"/timetables", "Timetables", "timetables"},
		{"/open", "Open for a while", "open"},
		{"/why", "Why?", "why"},
		{"/lists", "Lists", "lists"},
		{"/queries", "Query log", "queries"},
		{"/settings", "Settings", "settings"},
		{"/update", "Updates", "update"},
		{"/audit", "Audit", "audit"},
		{"/account", "Account", "account"},
	}
	return items
}

type navItem struct{ URL, Text, Section string }

// sayTime is a moment for people: "21 November 2026, 14:05".
func sayTime(t time.Time, loc *time.Location) string {
	if t.IsZero() {
		return "never"
	}
	return t.In(loc).Format("2 January 2006, 15:04")
}

func sayDay(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.Format("2 Jan 2006")
}

// since is how long something has lasted, in the largest unit that fits.
func since(t, now time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "an unknown time"
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return plural(int(d/time.Minute), "minute")
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour")
	default:
		return plural(int(d/(24*time.Hour)), "day")
	}
}

// ago is when something was last, for people.
func ago(t, now time.Time) string {
	switch {
	case t.IsZero():
		return "never"
	case now.Sub(t) < time.Minute:
		return "just now"
	}
	return since(t, now) + " ago"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return lists.Number(n) + " " + noun + "s"
}

func firstOf(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}

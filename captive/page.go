package captive

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"stairgate/config/identity"
)

//go:embed pages
var pageFiles embed.FS

var (
	// Read for the first page: the appliance and its start need none.
	pages = sync.OnceValue(parsePages)
	style = loadStyle()
	// The one style of every page is named in the policy by its hash; nothing
	// else may be loaded, run or framed.
	policy = fmt.Sprintf("default-src 'none'; style-src '%s'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", styleHash())
)

// view is what a page is made of.
type view struct {
	*words
	School  identity.School
	AUP     identity.Policy
	Client  identity.Client
	Refusal string
	Title   string
	Refresh string // content of meta refresh
	Token   string
	Faults  []fault

	Form   form
	Closed bool // no form: nobody can be admitted

	Person, Device, Until                 string
	Name, Category, Sentence, Time, Typed string
	Open                                  bool // the site is not blocked
	GoOn                                  bool // it is only warned of, and this person may go on
	Why                                   string
	Ending                                bool // the session is about to end

	page   string
	domain string
}

// T is the text of a key in the reader's language.
func (v *view) T(key string, pairs ...string) (string, error) {
	s := v.find(key, pairs...)
	if s == "" {
		return "", fmt.Errorf("%s has no words for %q", v.Tag, key)
	}
	return s, nil
}

// Style is the style sheet of every page.
func (v *view) Style() template.CSS { return style }

// English reports whether the page itself is in the language of the policy.
func (v *view) English() bool { return v.Tag == english }

// Others are the languages the page can also be read in.
func (v *view) Others() []*words { return otherLanguages(v.words) }

// Fault finds what is wrong with an input.
func (v *view) Fault(field string) string {
	for _, f := range v.Faults {
		if f.Field == field {
			return f.Sentence
		}
	}
	return ""
}

func (s *Server) page(v *visit, name, title string) *view {
	p := &view{words: v.words, page: name, Title: v.words.say(title), Client: v.client}
	if v.data != nil {
		p.School, p.AUP, p.Refusal, p.domain = v.data.School, v.data.AUP, v.data.Refusal, v.data.Domain
	}
	return p
}

// show writes the page whole: with its length, or not at all.
func (s *Server) show(w http.ResponseWriter, status int, p *view) {
	var b bytes.Buffer
	if err := pages()[p.page].ExecuteTemplate(&b, "layout.html", p); err != nil {
		s.log.Error("a page cannot be made", "page", p.page, "error", err)
		http.Error(w, "This page has a fault. Please tell the school's technician.", http.StatusInternalServerError)
		return
	}
	secure(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", p.Tag)
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// plain is a page of one sentence.
func (s *Server) plain(w http.ResponseWriter, v *visit, status int, title, sentence string) {
	p := s.page(v, "plain", title)
	p.Sentence = v.words.say(sentence)
	s.show(w, status, p)
}

// starting is all there is before the first snapshot.
func (s *Server) starting(w http.ResponseWriter, v *visit) {
	w.Header().Set("Retry-After", "5")
	w.Header().Set("Connection", "close")
	p := s.page(v, "plain", "starting_title")
	p.Sentence = v.words.say("starting")
	p.Refresh = "5"
	s.show(w, http.StatusServiceUnavailable, p)
}

// secure sets the headers of every answer. The referrer policy is same-origin
// and not no-referrer: under the latter browsers post forms with "Origin: null",
// and no form could be told from a foreign one.
func secure(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

func parsePages() map[string]*template.Template {
	layout := template.Must(template.ParseFS(pageFiles, "pages/layout.html"))
	out := make(map[string]*template.Template)
	for _, name := range []string{"portal", "signed", "waiting", "status", "signout", "signedout", "blocked", "child", "why", "wenton", "plain"} {
		t := template.Must(layout.Clone())
		out[name] = template.Must(t.ParseFS(pageFiles, "pages/"+name+".html"))
	}
	return out
}

// loadStyle reads the style sheet without the indentation people read it with.
func loadStyle() template.CSS {
	b, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		panic(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "/*") {
			out.WriteString(line)
		}
	}
	return template.CSS(out.String())
}

func styleHash() string {
	h := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(h[:])
}

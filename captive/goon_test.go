package captive

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"stairgate/config/edge"
)

func shopping() edge.Reason {
	return edge.Reason{Known: true, Blocked: true, GoOn: true, Category: "Shopping", Sentence: "Shopping: go on only if you need this site for your work."}
}

var paint = url.Values{"name": {"shop.example"}, "why": {"Paint for the art table"}}

// The page in the site's place leads to one of ours, where the reason is typed.
func TestGoingOnFromAWarning(t *testing.T) {
	f := &fake{snap: school(admitted), reason: shopping(), answer: edge.Answer{Code: edge.WentOn, Until: noon.Add(30 * time.Minute)}}
	s := server(f)
	w := ask(s, "GET", "shop.example", "/basket", nil)
	wants(t, w, 403, "Do you need this site?", "Shopping: go on only", `href="http://blocked.school.internal/?lang=en&amp;name=shop.example"`, "!<form", "!blocked</h1>")
	golden(t, s, "warned", w)
	w = ask(s, "GET", "blocked.school.internal", "/?name=shop.example&lang=en", nil)
	wants(t, w, 200, `method="post" action="/go-on?lang=en"`, "Why do you need it?")
	golden(t, s, "why-warned", w)
	if len(f.goneOn) != 0 {
		t.Fatal("a GET went on")
	}
	w = post(s, "/go-on?lang=en", paint)
	wants(t, w, 200, "You may go on", "shop.example", "12:30", `href="https://shop.example/"`)
	golden(t, s, "wenton", w)
	if len(f.goneOn) != 1 || f.goneOn[0] != (edge.GoOnRequest{Addr: phone, Name: "shop.example", Reason: "Paint for the art table"}) {
		t.Errorf("the writer was asked %+v", f.goneOn)
	}
	wants(t, ask(s, "GET", "shop.example", "/?lang=pl", nil), 403, "Czy potrzebujesz tej strony?", "lang=pl", "!go on only")
}

// Only a warning offers it, and never to a child.
func TestNoGoingOn(t *testing.T) {
	f := &fake{snap: school(admitted), reason: gambling()}
	s := server(f)
	for _, at := range [][2]string{{"casino.example", "/"}, {"blocked.school.internal", "/?name=casino.example"}} {
		wants(t, ask(s, "GET", at[0], at[1], nil), map[bool]int{true: 403, false: 200}[at[1] == "/"], "!Go on", "!go-on")
	}
	f = &fake{snap: school(child), reason: shopping(), answer: edge.Answer{Code: edge.WentOn}}
	s = server(f)
	wants(t, ask(s, "GET", "shop.example", "/", nil), 403, "tell a grown-up", "!href", "!shop")
	wants(t, ask(s, "GET", "blocked.school.internal", "/?name=shop.example", nil), 200, "tell a grown-up", "!<form")
	wants(t, post(s, "/go-on", paint), 403, "tell a grown-up")
	f.put(school())
	if w := post(s, "/go-on", paint); w.Code == 200 {
		t.Error("a device in quarantine went on")
	}
	if len(f.goneOn) != 0 {
		t.Errorf("the writer was asked %+v", f.goneOn)
	}
}

func TestGoingOnIsRefusedInSentences(t *testing.T) {
	f := &fake{snap: school(admitted), reason: shopping(), answer: edge.Answer{Code: edge.NoWarning, Sentence: "This site cannot be opened from here. If you need it, ask Ms Ahmed in the office."}}
	s := server(f)
	// Another site's page, or one without the form.
	wants(t, post(s, "/go-on", paint, "Origin: http://shop.example"), 403, "sent by another web site")
	wants(t, post(s, "/go-on", paint, "Sec-Fetch-Site: cross-site"), 403, "sent by another web site")
	wants(t, ask(s, "POST", "gate.school.internal", "/go-on", paint), 409, "open for too long", `value="Paint for the art table"`)
	wants(t, ask(s, "GET", "gate.school.internal", "/go-on?name=shop.example&why=x", nil), 404)
	// The form of a site is no page of ours.
	wants(t, ask(s, "POST", "shop.example", "/go-on", paint), 403, "Do you need this site?")
	wants(t, post(s, "/go-on", url.Values{"name": {"shop.example"}, "why": {" "}}), 422, "Write why you need this site", `aria-invalid="true"`)
	wants(t, post(s, "/go-on", url.Values{"name": {"no name"}, "why": {"x"}}), 400)
	if len(f.goneOn) != 0 {
		t.Fatalf("the writer was asked %+v", f.goneOn)
	}
	wants(t, post(s, "/go-on", paint), 403, "ask Ms Ahmed")
	wants(t, post(s, "/go-on?lang=ro", paint), 403, "nu poate fi deschis")
	f.answer = edge.Answer{Code: edge.Away}
	wants(t, post(s, "/go-on", paint), 503, "does not answer")
	for range 20 {
		post(s, "/go-on", paint)
	}
	w := post(s, "/go-on", paint)
	wants(t, w, 429, "too many attempts")
	if w.Header().Get("Retry-After") == "" || len(f.goneOn) != 10 {
		t.Errorf("asked %d times in a minute, %v", len(f.goneOn), w.Header())
	}
	if strings.Contains(w.Body.String(), "<script") {
		t.Error("a script")
	}
}

package captive

import (
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"stairgate/config"
	"stairgate/config/edge"
	"stairgate/config/identity"
)

func TestPortalPage(t *testing.T) {
	s := server(&fake{snap: school()})
	w := ask(s, "GET", "gate.school.internal", "/", nil)
	wants(t, w, 200, `<html lang="en" dir="ltr">`, "monitored", "!Private Wi-Fi")
	golden(t, s, "portal", w)

	// Every clause in full, in order, before the form.
	page := w.Body.String()
	at := 0
	for i, c := range school().Data().AUP.Clauses {
		n := strings.Index(page[at:], html.EscapeString(c))
		if n < 0 {
			t.Fatalf("clause %d is not shown in its place", i+1)
		}
		at += n
	}
	if form := strings.Index(page, "<form"); form < at {
		t.Error("the form stands before the policy")
	}
	if strings.Contains(page, "http:") || strings.Contains(page, "https:") || strings.Contains(page, "src=") {
		t.Error("the page loads something, which a sign-in sheet cannot")
	}
}

// Sign-in sheets give up on large pages, and phones in a corridor are slow.
func TestPortalIsSmallInEveryLanguage(t *testing.T) {
	private := func(d *identity.Data, c *identity.Client) {
		c.MAC[0] |= 2
		c.Known = "Zofia Kowalska"
		aup := config.Factory().Portal.AUP
		d.AUP = identity.Policy{Version: aup.Version, Title: aup.Title, Clauses: aup.Clauses}
	}
	s := server(&fake{snap: school(private)})
	for _, w := range catalogue() {
		page := ask(s, "GET", "gate.school.internal", "/?lang="+w.Tag, nil)
		t.Logf("%s: %d bytes", w.Tag, page.Body.Len())
		if page.Code != 200 || page.Body.Len() >= 10<<10 {
			t.Errorf("%s: %d, %d bytes", w.Tag, page.Code, page.Body.Len())
		}
	}
}

func TestPrivateAddressIsExplained(t *testing.T) {
	s := server(&fake{snap: school(func(_ *identity.Data, c *identity.Client) { c.MAC[0] |= 2 })})
	wants(t, ask(s, "GET", "192.168.77.1", "/", nil), 200, "Private Wi-Fi Address", "Private DNS", "VPN")
}

func TestSigning(t *testing.T) {
	f := &fake{snap: school(), answer: edge.Answer{Code: edge.Admitted, Until: noon.Add(6*time.Hour + 30*time.Minute)}}
	s := server(f)
	form := url.Values{"full_name": {"  Zofia \t Kowalska "}, "job_title": {"Teacher"}, "accepted": {"1"}, "aup_version": {"1"}}
	w := post(s, "/sign", form)
	wants(t, w, 200, "You are online", "Zofia Kowalska", "18:30")
	golden(t, s, "signed", w)
	want := edge.SignRequest{Addr: phone, FullName: "Zofia Kowalska", JobTitle: "Teacher", Accepted: true, AUPVersion: "1"}
	if len(f.signed) != 1 || f.signed[0] != want {
		t.Errorf("the writer was asked %+v", f.signed)
	}
}

func TestContinueAsKnownPerson(t *testing.T) {
	f := &fake{snap: school(func(_ *identity.Data, c *identity.Client) { c.Known = "Zofia Kowalska" }), answer: edge.Answer{Code: edge.Admitted}}
	s := server(f)
	wants(t, ask(s, "GET", "gate.school.internal", "/", nil), 200, "Continue as Zofia Kowalska")
	wants(t, post(s, "/sign", url.Values{"continue": {"1"}, "aup_version": {"1"}}), 200, "Thank you, Zofia Kowalska")
	if len(f.signed) != 1 || !f.signed[0].Continue || f.signed[0].FullName != "" {
		t.Errorf("the writer was asked %+v", f.signed)
	}
}

func TestWaitingForTheTechnician(t *testing.T) {
	f := &fake{snap: school(), answer: edge.Answer{Code: edge.Waiting}}
	s := server(f)
	w := post(s, "/sign", filled)
	wants(t, w, 200, "technician must approve", `http-equiv="refresh" content="20;url=/?lang=en"`)
	golden(t, s, "waiting", w)
	f.put(school(func(_ *identity.Data, c *identity.Client) { c.Waiting = true }))
	wants(t, ask(s, "GET", "gate.school.internal", "/", nil), 200, "technician must approve")
	wants(t, ask(s, "GET", "captive.apple.com", "/", nil), 302)
	f.put(school(admitted))
	wants(t, ask(s, "GET", "gate.school.internal", "/?lang=en", nil), 200, "You are signed in as Zofia Kowalska")
}

func TestNothingTypedIsLost(t *testing.T) {
	typed := `O&#39;Brien &lt;b&gt;`
	form := url.Values{"full_name": {"O'Brien <b>"}, "job_title": {"Cook"}, "accepted": {"1"}, "aup_version": {"1"}}
	for code, want := range map[edge.Code]struct {
		status int
		text   string
	}{
		edge.NameMissing:  {422, `href="#full_name"`},
		edge.TitleMissing: {422, `href="#job_title"`},
		edge.NotAccepted:  {422, `href="#accepted"`},
		edge.PolicyOld:    {409, "policy has changed"},
		edge.NoLease:      {403, "DHCP"},
		edge.Refused:      {403, "withdrawn"},
		edge.NotRecorded:  {503, "could not be written down"},
		edge.Away:         {503, "does not answer"},
		edge.Busy:         {429, "too many attempts"},
		"unheard-of":      {422, "does not answer"},
	} {
		s := server(&fake{snap: school(), answer: edge.Answer{Code: code}})
		w := post(s, "/sign", form)
		wants(t, w, want.status, want.text, `value="`+typed, `value="Cook"`, "There is a problem", "!<b>", `<button>Sign and go online</button>`)
		if code == edge.NotRecorded {
			golden(t, s, "not-recorded", w)
		}
	}
	// The writer's own sentence is the more exact one.
	s := server(&fake{snap: school(), answer: edge.Answer{Code: edge.Refused, Sentence: "Tablet 4 was reported lost."}})
	wants(t, post(s, "/sign", form), 403, "Tablet 4 was reported lost.", "!has withdrawn")
	wants(t, post(s, "/sign?lang=pl", form), 403, "Tablet 4 was reported lost.", "cofnęła")
}

func TestEverythingMissingIsNamedAtOnce(t *testing.T) {
	f := &fake{snap: school()}
	s := server(f)
	w := post(s, "/sign", url.Values{"full_name": {" \t"}})
	wants(t, w, 422, `href="#full_name"`, `href="#job_title"`, `href="#accepted"`, `aria-invalid="true"`, `aria-describedby="full_name-hint full_name-err"`)
	golden(t, s, "missing", w)
	if len(f.signed) != 0 {
		t.Error("the writer was asked all the same")
	}
}

func TestRefusalIsShownUpFront(t *testing.T) {
	f := &fake{snap: school(func(d *identity.Data, _ *identity.Client) { d.Refusal = "The storage is full." })}
	s := server(f)
	w := ask(s, "GET", "gate.school.internal", "/", nil)
	wants(t, w, 200, "The storage is full.", "Nobody can be let in", `http-equiv="refresh"`, "!<form")
	golden(t, s, "refusal", w)
	f.answer = edge.Answer{Code: edge.NotRecorded, Sentence: "The storage is full."}
	// Somebody who had the form already keeps what they typed, and no refresh takes it.
	wants(t, post(s, "/sign", filled), 503, `value="Zofia Kowalska"`, "!http-equiv")
}

func TestFormsOfOthersAreRefused(t *testing.T) {
	for name, headers := range map[string][]string{
		"another origin": {"Origin: http://evil.example"},
		"cross-site":     {"Sec-Fetch-Site: cross-site"},
		"opaque origin":  {"Origin: null"},
	} {
		f := &fake{snap: school()}
		w := post(server(f), "/sign", filled, headers...)
		wants(t, w, 403, "another web site", "!Zofia")
		if len(f.signed) != 0 {
			t.Errorf("%s: signed", name)
		}
		f = &fake{snap: school(admitted)}
		wants(t, post(server(f), "/sign-out", nil, headers...), 403)
		if len(f.out) != 0 {
			t.Errorf("%s: signed out", name)
		}
	}
	f := &fake{snap: school(), answer: edge.Answer{Code: edge.Admitted}}
	wants(t, post(server(f), "/sign", filled, "Origin: http://gate.school.internal"), 200, "You are online")
}

// captived may be restarted between the page and the button.
func TestFormOutlivesARestart(t *testing.T) {
	f := &fake{snap: school(), answer: edge.Answer{Code: edge.Admitted}}
	form := url.Values{"token": {server(f).token(phone)}}
	for k, v := range filled {
		form[k] = v
	}
	s := server(f) // another process, another key
	w := ask(s, "POST", "gate.school.internal", "/sign", form)
	wants(t, w, 409, "open for too long", `value="Zofia Kowalska"`, `value="Teacher"`, s.token(phone), "!checked")
	if len(f.signed) != 0 {
		t.Error("signed with a stale token")
	}
	if s.validToken(gate, s.token(phone)) {
		t.Error("a token is good for another address")
	}
}

func TestAttemptsAreCounted(t *testing.T) {
	f := &fake{snap: school(), answer: edge.Answer{Code: edge.NameMissing}}
	now := noon
	s := New(Options{Edge: f, Now: func() time.Time { return now }})
	for range 10 {
		wants(t, post(s, "/sign", filled), 422)
	}
	w := post(s, "/sign", filled)
	wants(t, w, 429, "too many attempts", `value="Zofia Kowalska"`)
	if w.Header().Get("Retry-After") != "60" || len(f.signed) != 10 {
		t.Errorf("Retry-After %q, %d attempts", w.Header().Get("Retry-After"), len(f.signed))
	}
	now = now.Add(time.Minute)
	wants(t, post(s, "/sign", filled), 422)
}

func TestCountingIsBounded(t *testing.T) {
	l := newLimiter(1, time.Minute)
	a := netip.MustParseAddr("10.0.0.0")
	for range 3 * maxRemembered {
		l.allow(a, noon)
		a = a.Next()
	}
	if len(l.seen) > maxRemembered {
		t.Errorf("%d addresses remembered", len(l.seen))
	}
}

func TestUnreadableForms(t *testing.T) {
	s := server(&fake{snap: school()})
	wants(t, post(s, "/sign", url.Values{"full_name": {strings.Repeat("a", maxBody)}}), http.StatusRequestEntityTooLarge, "did not arrive complete")
	wants(t, post(s, "/sign", filled, "Content-Type: multipart/form-data; boundary=x"), 400)
	wants(t, ask(s, "POST", "gate.school.internal", "/sign", nil), 400)
	wants(t, post(s, "/sign", url.Values{"full_name": {strings.Repeat("ż", 500)}, "job_title": {"x"}, "accepted": {"1"}}), 422)
}

func TestEndedSessionIsSeenWithoutTheWriter(t *testing.T) {
	s := server(&fake{snap: school(admitted, func(_ *identity.Data, c *identity.Client) { c.Until = noon })})
	wants(t, ask(s, "GET", "bbc.co.uk", "/", nil), 302)
	wants(t, ask(s, "GET", "gate.school.internal", "/", nil), 200, "Sign in to use the Internet")
}

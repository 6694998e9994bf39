package captive

import (
	"testing"

	"stairgate/config/edge"
	"stairgate/config/identity"
)

func gambling() edge.Reason {
	return edge.Reason{Known: true, Blocked: true, Category: "Gambling", Sentence: "Gambling sites are blocked for Staff."}
}

func TestBlockPageForAdults(t *testing.T) {
	f := &fake{snap: school(admitted), reason: gambling()}
	s := server(f)
	w := ask(s, "GET", "Casino.Example:80", "/play?secret=1", nil)
	wants(t, w, 403, "casino.example", "Gambling", "Ms Ahmed in the office", "14/9/2026, 12:00", "!secret", "!/play")
	if w.Header().Get("Connection") != "close" {
		t.Error("the connection stays open")
	}
	golden(t, s, "blocked", w)
	wants(t, ask(s, "GET", "casino.example", "/", nil, "Accept-Language: pl-PL,pl;q=0.9,en;q=0.8"), 403, "zablokowana", "Gambling")
}

func TestBlockPageWithoutTheWriter(t *testing.T) {
	s := server(&fake{snap: school(admitted)})
	wants(t, ask(s, "GET", "casino.example", "/", nil), 403, "This site is blocked", "casino.example", "!Reason")
}

func TestBlockPageForChildren(t *testing.T) {
	s := server(&fake{snap: school(child), reason: gambling()})
	w := ask(s, "GET", "casino.example", "/", nil)
	wants(t, w, 403, "tell a grown-up", "<svg", "!casino", "!Gambling", "!ambling", "!href")
	golden(t, s, "child", w)
	wants(t, ask(s, "GET", "blocked.school.internal", "/?name=casino.example", nil), 200, "tell a grown-up", "!casino")
}

// Whatever the filter says of the name, a device that is not online gets the portal.
func TestQuarantinedClientsGetThePortalForBlockedNames(t *testing.T) {
	f := &fake{snap: school(), reason: gambling()}
	w := ask(server(f), "GET", "pornhub.com", "/", nil)
	wants(t, w, 302, "gate.school.internal", "!pornhub")
	if len(f.asked) != 0 {
		t.Error("the writer was asked")
	}
}

func TestNameThatWasOpened(t *testing.T) {
	s := server(&fake{snap: school(admitted), reason: edge.Reason{Known: true}})
	w := ask(s, "GET", "bbc.co.uk", "/", nil)
	wants(t, w, 503, "This site is open")
	if w.Header().Get("Location") != "" || w.Header().Get("Retry-After") == "" {
		t.Errorf("headers %v", w.Header())
	}
}

func TestForeignNonsenseFromAdmittedClients(t *testing.T) {
	f := &fake{snap: school(admitted)}
	s := server(f)
	wants(t, ask(s, "GET", "", "/", nil), 302, "gate.school.internal")
	wants(t, ask(s, "CONNECT", "example.com:443", "/", nil), 405)
	wants(t, ask(s, "GET", "1.1.1.1", "/", nil), 403)
	if len(f.asked) != 0 {
		t.Errorf("the writer was asked about %q", f.asked)
	}
}

func TestWhyIsASiteBlocked(t *testing.T) {
	f := &fake{snap: school(admitted), reason: gambling()}
	s := server(f)
	w := ask(s, "GET", "blocked.school.internal", "/", nil)
	wants(t, w, 200, "Why is a site blocked?", "<form")
	golden(t, s, "why", w)
	w = ask(s, "GET", "gate.school.internal", "/blocked?name=HTTPS://Casino.Example:443/x?y", nil)
	wants(t, w, 200, "casino.example", "Gambling")
	golden(t, s, "why-blocked", w)
	if len(f.asked) != 1 || f.asked[0] != "casino.example" {
		t.Errorf("the writer was asked about %q", f.asked)
	}
	wants(t, ask(s, "GET", "blocked", "/?name=%3Cscript%3E", nil), 200, "Write the name of a web site", "&lt;script&gt;", "!<script")
	f.reason = edge.Reason{Known: true}
	wants(t, ask(s, "GET", "blocked.school.internal", "/?name=bbc.co.uk", nil), 200, "not blocked for this device")
	f.reason = edge.Reason{}
	wants(t, ask(s, "GET", "blocked.school.internal", "/?name=bbc.co.uk", nil), 200, "does not answer")
}

// A page full of blocked pictures must not keep the writer busy.
func TestQuestionsToTheWriterAreBounded(t *testing.T) {
	f := &fake{snap: school(admitted), reason: gambling()}
	s := server(f)
	for range 100 {
		wants(t, ask(s, "GET", "ads.example", "/", nil), 403)
	}
	if len(f.asked) != 60 {
		t.Errorf("the writer was asked %d times in a minute", len(f.asked))
	}
}

func FuzzSiteName(f *testing.F) {
	for _, s := range []string{"https://www.bbc.co.uk/news", "bbc.co.uk", "//", "http://[::1]/", "a?b#c"} {
		f.Add(s)
	}
	d := identity.Data{}
	f.Fuzz(func(t *testing.T, s string) {
		if name := siteName(s); name != "" && !isName(name) {
			t.Errorf("%q is the site %q", s, name)
		}
		_ = parseHost(s).ours(&d)
	})
}

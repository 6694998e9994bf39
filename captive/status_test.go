package captive

import (
	"crypto/tls"
	"encoding/json"
	"testing"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"
)

func TestStatusPage(t *testing.T) {
	s := server(&fake{snap: school(admitted)})
	w := ask(s, "GET", "status.school.internal", "/", nil)
	wants(t, w, 200, "You are signed in as Zofia Kowalska", "Laptop 3", "18:30", "Not you?", "Sign out", "monitored", "!ends soon")
	wants(t, w, 200, `content="22801;url=/?lang=en"`) // at 18:20, when the warning is due
	golden(t, s, "status", w)
	wants(t, ask(s, "GET", "gate.school.internal", "/", nil), 200, "You are signed in as Zofia Kowalska")
	wants(t, ask(s, "GET", "gate.school.internal", "/nothing", nil), 404)
	wants(t, ask(s, "POST", "gate.school.internal", "/", nil), 405)
}

func TestStatusOfADeviceNobodySignedInOn(t *testing.T) {
	s := server(&fake{snap: school(child)})
	wants(t, ask(s, "GET", "status.school.internal", "/", nil), 200, "This device is online", "Tablet 1", "!Not you?")
	wants(t, ask(s, "GET", "signout.school.internal", "/", nil), 200, "Nobody is signed in", "!<form")
}

func TestWarningBeforeTheEnd(t *testing.T) {
	for left, want := range map[time.Duration]string{
		11 * time.Minute:         "!ends soon",
		10 * time.Minute:         "ends soon, at 12:10",
		30 * time.Second:         "ends soon, at 12:00",
		24*time.Hour + time.Hour: "15/9/2026, 13:00",
	} {
		s := server(&fake{snap: school(admitted, func(_ *identity.Data, c *identity.Client) { c.Until = noon.Add(left) })})
		wants(t, ask(s, "GET", "status.school.internal", "/", nil), 200, want, "http-equiv")
	}
}

func TestSigningOut(t *testing.T) {
	f := &fake{snap: school(admitted), answer: edge.Answer{Code: edge.SignedOut}}
	s := server(f)
	w := ask(s, "GET", "signout", "/", nil)
	wants(t, w, 200, "You are signed in as Zofia Kowalska", `method="post" action="/sign-out?lang=en"`)
	golden(t, s, "signout", w)
	if len(f.out) != 0 {
		t.Error("a GET signed out")
	}
	// A stale page asks once more instead of failing.
	w = ask(s, "POST", "gate.school.internal", "/sign-out", map[string][]string{"token": {"old"}})
	wants(t, w, 200, "Sign out of this device")
	if len(f.out) != 0 {
		t.Error("signed out without a token")
	}
	w = post(s, "/sign-out", nil)
	wants(t, w, 200, "You are signed out")
	golden(t, s, "signedout", w)
	if len(f.out) != 1 || f.out[0] != phone {
		t.Errorf("signed out %v", f.out)
	}
	f.answer = edge.Answer{Code: edge.Away}
	wants(t, post(s, "/sign-out", nil), 503, "does not answer")
}

// certified is a school with a publicly valid certificate.
func certified(d *identity.Data, _ *identity.Client) {
	d.CapportURL = "https://gate.rainbow.sch.uk/captive-portal/api"
}

func TestAPI(t *testing.T) {
	f := &fake{snap: school(certified)}
	s := New(Options{Edge: f, TLS: &tls.Config{}, Now: func() time.Time { return noon }})
	const at = "https://gate.rainbow.sch.uk/captive-portal/api"
	api := func(accept string) (map[string]any, map[string][]string, int) {
		w := ask(s, "GET", "gate.rainbow.sch.uk", at, nil, "Accept: "+accept)
		var state map[string]any
		_ = json.Unmarshal(w.Body.Bytes(), &state)
		return state, w.Header(), w.Code
	}
	state, header, code := api(captiveJSON)
	if code != 200 || header["Content-Type"][0] != "application/captive+json" || header["Cache-Control"][0] != "private, no-store" || header["Vary"][0] != "Accept" {
		t.Errorf("%d %v", code, header)
	}
	if state["captive"] != true || state["user-portal-url"] != "https://gate.rainbow.sch.uk/" || state["seconds-remaining"] != nil {
		t.Errorf("captive: %v", state)
	}
	f.put(school(certified, admitted))
	if state, _, _ = api("text/html, " + captiveJSON); state["captive"] != false || state["seconds-remaining"] != 23400.0 {
		t.Errorf("admitted: %v", state)
	}
	f.put(school(certified, child))
	if state, _, _ = api(captiveJSON); state["captive"] != false || state["seconds-remaining"] != nil {
		t.Errorf("without a session: %v", state)
	}
	if _, header, code = api("text/html"); code != 302 || header["Location"][0] != "https://gate.rainbow.sch.uk/" || header["Vary"][0] != "Accept" {
		t.Errorf("a browser: %d %v", code, header)
	}
}

func TestCertificateMovesThePortalToHTTPS(t *testing.T) {
	f := &fake{snap: school(certified)}
	s := New(Options{Edge: f, TLS: &tls.Config{}, Now: func() time.Time { return noon }})
	for host, want := range map[string]int{"captive.apple.com": 302, "gate.school.internal": 302, "192.168.77.1": 200} {
		w := ask(s, "GET", host, "/", nil)
		wants(t, w, want)
		if want == 302 && w.Header().Get("Location") != "https://gate.rainbow.sch.uk/" {
			t.Errorf("%s is sent to %s", host, w.Header().Get("Location"))
		}
	}
	wants(t, ask(s, "GET", "gate.rainbow.sch.uk", "https://gate.rainbow.sch.uk/", nil), 200, "Sign in to use the Internet")
	wants(t, ask(s, "GET", "bank.example", "https://bank.example/", nil), 421)
	// The API is never spoken in the clear, nor offered without a certificate.
	wants(t, ask(s, "GET", "192.168.77.1", "/captive-portal/api", nil, "Accept: "+captiveJSON), 302)
	s = server(f)
	w := ask(s, "GET", "captive.apple.com", "/", nil)
	if w.Header().Get("Location") != "http://gate.school.internal/" {
		t.Errorf("without the key the portal is %s", w.Header().Get("Location"))
	}
}

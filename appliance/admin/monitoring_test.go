package admin_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// figures asks for the metrics as a program does.
func (w *browser) figures(token string) answer {
	w.b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, w.b.server.URL+"/metrics", nil)
	w.b.must(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return w.do(req)
}

func TestFiguresForAProgram(t *testing.T) {
	b, w := signedIn(t)
	program := b.browser()
	if a := program.figures(""); a.URL.Path != "/login" {
		t.Errorf("a stranger is led to %s:\n%s", a.URL, a.Body)
	}
	for _, token := range []string{"x", "sg_"} {
		if a := program.figures(token); a.Status != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("with the token %q before there is one: %d %v", token, a.Status, a.Header)
		}
	}
	w.get("/monitoring").says(t, "There is no token")
	secret := func(a answer) string {
		t.Helper()
		m := regexp.MustCompile(`sg_[A-Za-z0-9_-]{43}`).FindString(a.Body)
		if m == "" {
			t.Fatalf("no token is shown:\n%s", a.Text())
		}
		return html.UnescapeString(m)
	}
	first := secret(w.post("/monitoring"))
	if a := w.get("/monitoring"); strings.Contains(a.Body, first) {
		t.Error("the token is shown twice")
	}
	w.last.says(t, "There is a token, made by p.shah on 23 November 2026")
	if kept, _, err := b.records.Setting("metrics.token"); err != nil || strings.Contains(kept, first) || !strings.Contains(kept, "sha256") {
		t.Errorf("kept is %q, %v", kept, err)
	}
	a := program.figures(first)
	if a.Status != http.StatusOK || !strings.Contains(a.Body, `stairgate_devices{state="approved"} 2`) {
		t.Errorf("with the token: %d\n%s", a.Status, a.Body)
	}
	w.get("/monitoring")
	second := secret(w.post("/monitoring"))
	if got := program.figures(first).Status; got != http.StatusUnauthorized {
		t.Errorf("the old token gives %d", got)
	}
	if got := program.figures(second).Status; got != http.StatusOK {
		t.Errorf("the new token gives %d", got)
	}
	w.get("/monitoring")
	w.post("/monitoring/remove").says(t, "The token no longer works.")
	if got := program.figures(second).Status; got != http.StatusUnauthorized {
		t.Errorf("a removed token gives %d", got)
	}
	// The token opens the figures and nothing else.
	req, err := http.NewRequest(http.MethodGet, b.server.URL+"/devices", nil)
	b.must(err)
	req.Header.Set("Authorization", "Bearer "+second)
	if a := program.do(req); a.URL.Path != "/login" {
		t.Errorf("with the token /devices leads to %s", a.URL)
	}
	want := []string{"p.shah removed the token for metrics | ", "p.shah made a token for metrics | ", "p.shah made a token for metrics | "}
	if got := b.lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("in the audit: %q", got)
	}
}

// Nothing about people is among the figures.
func TestFiguresWithoutPeople(t *testing.T) {
	b, w := signedIn(t)
	text := w.figures("").Body
	if !strings.Contains(text, "stairgate_devices_online") {
		t.Fatalf("no figures:\n%s", text)
	}
	never := []string{"Priya", "Shah", "O’Connor", "Sunflowers", "bet365", "bbc", "gate.school", technician, "Oakfield"}
	devices, err := b.records.Devices()
	b.must(err)
	for _, d := range devices {
		never = append(never, d.MAC.String(), strings.ReplaceAll(d.MAC.String(), ":", "-"))
		if d.Hostname != "" {
			never = append(never, d.Hostname)
		}
	}
	for _, a := range b.addrs {
		never = append(never, a.String())
	}
	for _, s := range never {
		if strings.Contains(strings.ToLower(text), strings.ToLower(s)) {
			t.Errorf("the figures hold %q", s)
		}
	}
	if m := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+|(?i)[0-9a-f]{2}(:[0-9a-f]{2}){5}`).FindString(text); m != "" {
		t.Errorf("the figures hold %q, which looks like an address", m)
	}
}

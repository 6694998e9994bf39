package admin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"stairgate/appliance/records"
)

// request sends a form that a hostile page or program made.
func (w *browser) request(method, path string, form url.Values, headers ...string) answer {
	w.b.t.Helper()
	req, err := http.NewRequest(method, w.b.server.URL+path, strings.NewReader(form.Encode()))
	w.b.must(err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	return w.do(req)
}

func TestAForeignFormIsRefused(t *testing.T) {
	b, w := technicianOf(t)
	b.seen(tablet, "ipad")
	w.get("/devices/" + tablet.String())
	token := w.hidden("token")
	path := "/devices/" + tablet.String() + "/revoke"
	good := url.Values{"token": {token}, "reason": {"hostile"}}
	bad := url.Values{"token": {token[1:] + "x" + token[:1]}, "reason": {"hostile"}}
	for name, try := range map[string]func() answer{
		"from another site, as browsers say today": func() answer {
			return w.request(http.MethodPost, path, good, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example")
		},
		"from another site of the same domain": func() answer {
			return w.request(http.MethodPost, path, good, "Sec-Fetch-Site", "same-site", "Origin", "https://wiki.school.internal")
		},
		"from another site, as older browsers say": func() answer {
			return w.request(http.MethodPost, path, good, "Origin", "https://evil.example")
		},
		"without a token":    func() answer { return w.request(http.MethodPost, path, url.Values{"reason": {"hostile"}}) },
		"with a wrong token": func() answer { return w.request(http.MethodPost, path, bad) },
		"with the token in the address": func() answer {
			return w.request(http.MethodPost, path+"?token="+token, url.Values{"reason": {"hostile"}})
		},
		"with the token of another sign-in": func() answer {
			other := b.browser()
			other.logIn(technician, password)
			other.get("/devices/" + tablet.String())
			return w.request(http.MethodPost, path, url.Values{"token": {other.hidden("token")}, "reason": {"hostile"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			if a := try(); a.Status != http.StatusForbidden {
				t.Errorf("status %d:\n%s", a.Status, a.Text())
			}
			d, _, err := b.records.Device(tablet)
			b.must(err)
			if d.State != records.Waiting {
				t.Fatalf("the device is %s", d.State)
			}
		})
	}
	if a := w.request(http.MethodPost, path, good); a.URL.Query().Get("done") != "revoked" {
		t.Errorf("the true form ends at %s", a.URL)
	}
}

func TestOnlyTheBoxsOwnNamesAreServed(t *testing.T) {
	b, w := technicianOf(t)
	port := b.server.Listener.Addr().String()
	port = port[strings.LastIndex(port, ":"):]
	for host, ok := range map[string]bool{
		"gate.school.internal" + port: true, "GATE.school.internal." + port: true, "192.168.77.1" + port: true, "127.0.0.1" + port: true,
		"localhost" + port: true, "[::1]" + port: true, "gate": true,
		"evil.example" + port: false, "gate.school.internal.evil.example": false, "192.168.77.2" + port: false, "8.8.8.8": false,
		"school.internal": false,
	} {
		a := w.request(http.MethodGet, "/login", nil, "Host", host)
		if got := a.Status == http.StatusOK; got != ok {
			t.Errorf("Host %q gave %d", host, a.Status)
		}
		if !ok {
			a.says(t, "Open these pages at https://gate.school.internal:8443 instead.")
		}
	}
}

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	b, w := technicianOf(t)
	w.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	stranger := b.browser()
	stranger.http.CheckRedirect = w.http.CheckRedirect
	for _, x := range []*browser{w, stranger} {
		for _, path := range []string{
			"/", "/devices", "/online", "/signatures", "/signatures.csv", "/groups", "/queries", "/settings",
			"/settings/history", "/settings/reference", "/settings/trial", "/audit", "/account", "/certificate", "/ca.crt", "/ca.pem", "/setup",
			"/login", "/nothing", "/static/stairgate.css", "/static/nothing",
		} {
			a := x.get(path)
			for h, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
				"X-Content-Type-Options":  "nosniff",
				"X-Frame-Options":         "DENY",
				"Referrer-Policy":         "same-origin",
			} {
				if got := a.Header.Get(h); got != want {
					t.Errorf("%s: %s is %q", path, h, got)
				}
			}
			if c := a.Header.Get("Cache-Control"); c != "no-store" && !strings.HasPrefix(path, "/static/stairgate") {
				t.Errorf("%s may be cached: %q", path, c)
			}
			for _, inline := range []string{"<style", " style=", " onclick=", "javascript:", "http://", "//cdn"} {
				if strings.Contains(a.Body, inline) && strings.Contains(a.Header.Get("Content-Type"), "html") {
					t.Errorf("%s contains %q", path, inline)
				}
			}
		}
	}
}

func TestWithoutSigningInNothingIsShown(t *testing.T) {
	b, _ := technicianOf(t)
	stranger := b.browser()
	for _, path := range []string{"/", "/devices", "/devices/" + laptop.String(), "/signatures.csv", "/settings", "/audit", "/nothing"} {
		if a := stranger.get(path); a.URL.Path != "/login" {
			t.Errorf("%s shows a stranger %s", path, a.URL.Path)
		}
	}
	if a := stranger.request(http.MethodPost, "/settings/revert", url.Values{}); a.URL.Path != "/login" {
		t.Errorf("a stranger's form ends at %s with %d", a.URL.Path, a.Status)
	}
}

func TestTooMuchTextIsRefusedWithASentence(t *testing.T) {
	_, w := technicianOf(t)
	w.get("/settings")
	a := w.post("/settings", "config", strings.Repeat("x", 2<<20))
	if a.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("2 MiB gave %d", a.Status)
	}
	a.says(t, "That was too much text")
}

func TestWhatADeviceCallsItselfStaysText(t *testing.T) {
	b, w := technicianOf(t)
	hostile := `"><script>alert(1)</script><img src=x onerror=alert(2)>`
	b.seen(tablet, hostile)
	b.sign(tablet, `Bobby <b>Tables</b>`, `=HYPERLINK("http://evil.example","open")`)
	b.health.Report("x", `<script>alert("health")</script>`, b.now())
	for _, path := range []string{
		"/", "/devices", "/devices/" + tablet.String(), "/devices/" + tablet.String() + "/revoke", "/online",
		"/signatures", "/signatures/1", "/audit", "/queries", "/queries?name=" + url.QueryEscape(hostile), "/signatures?name=" + url.QueryEscape(hostile),
		"/login?next=" + url.QueryEscape(hostile),
	} {
		a := w.get(path)
		for _, bad := range []string{"<script>alert", "<img", "<b>Tables"} {
			if strings.Contains(a.Body, bad) {
				t.Errorf("%s lets %q through", path, bad)
			}
		}
	}
	a := w.get("/signatures.csv")
	if !strings.Contains(a.Body, `"'=HYPERLINK(""http://evil.example"",""open"")"`) {
		t.Errorf("the formula is not defused:\n%s", a.Body)
	}
	if got := a.Header.Get("Content-Disposition"); got != `attachment; filename="signatures-2026-11-23.csv"` {
		t.Errorf("disposition %q", got)
	}
}

package captive

import (
	"context"
	"crypto/tls"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"stairgate/config/edge"
	"stairgate/config/identity"
)

var update = flag.Bool("update", false, "write the golden pages anew")

var (
	noon   = time.Date(2026, 9, 14, 12, 0, 0, 0, time.FixedZone("", 3600))
	phone  = netip.MustParseAddr("192.168.77.20")
	gate   = netip.MustParseAddr("192.168.77.1")
	filled = url.Values{"full_name": {"Zofia Kowalska"}, "job_title": {"Teacher"}, "accepted": {"1"}, "aup_version": {"1"}}
)

// fake is a writer in memory.
type fake struct {
	mu      sync.Mutex
	snap    *identity.Snapshot
	answer  edge.Answer
	reason  edge.Reason
	signed  []edge.SignRequest
	out     []netip.Addr
	asked   []string
	goneOn  []edge.GoOnRequest
	changed chan struct{}
}

func (f *fake) Snapshot() *identity.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snap
}

func (f *fake) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return f.changed
}

func (f *fake) put(s *identity.Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.snap = s
	if f.changed != nil {
		close(f.changed)
	}
	f.changed = make(chan struct{})
}

func (f *fake) Sign(_ context.Context, r edge.SignRequest) edge.Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signed = append(f.signed, r)
	return f.answer
}

func (f *fake) SignOut(_ context.Context, a netip.Addr) edge.Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out = append(f.out, a)
	return f.answer
}

func (f *fake) Why(_ context.Context, _ netip.Addr, name string) edge.Reason {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, name)
	return f.reason
}

func (f *fake) GoOn(_ context.Context, r edge.GoOnRequest) edge.Answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.goneOn = append(f.goneOn, r)
	return f.answer
}

// school is a snapshot with one client, the phone, changed by changes.
func school(changes ...func(*identity.Data, *identity.Client)) *identity.Snapshot {
	d := identity.Data{
		Version: 1, Time: noon,
		School: identity.School{Name: "Rainbow Nursery School", Contact: "Ms Ahmed in the office"},
		Domain: "school.internal", Portal: "gate.school.internal",
		Zones: []identity.Zone{
			{ID: "school", Name: "School", Prefix: netip.MustParsePrefix("192.168.77.0/24"), Addr: gate},
			{ID: "guest", Name: "Visitors", Prefix: netip.MustParsePrefix("192.168.78.0/24"), Addr: netip.MustParseAddr("192.168.78.1")},
		},
		Groups:  []identity.Group{{ID: "staff", Name: "Staff", Sign: true}, {ID: "children", Name: "Children", Child: true}},
		Default: "staff",
		AUP: identity.Policy{Version: "1", Title: "Acceptable use agreement: all staff", Clauses: []string{
			"I will only use the school's e-mail, Internet and network for professional purposes.",
			"I will not reveal my password(s) to anyone.",
			"I understand that all Internet usage & network usage can be logged <and made available> to the head teacher on request.",
		}},
	}
	c := identity.Client{Addr: phone, MAC: identity.MAC{0x00, 0x1c, 0xb3, 1, 2, 3}, Zone: "school", Class: identity.Quarantined, Group: "staff"}
	for _, change := range changes {
		change(&d, &c)
	}
	d.Clients = []identity.Client{c}
	return identity.New(d)
}

func admitted(_ *identity.Data, c *identity.Client) {
	c.Class, c.Person, c.Device, c.Until = identity.Admitted, "Zofia Kowalska", "Laptop 3", noon.Add(6*time.Hour+30*time.Minute)
}

func child(_ *identity.Data, c *identity.Client) {
	c.Class, c.Group, c.Device = identity.Admitted, "children", "Tablet 1"
}

func server(f *fake) *Server {
	return New(Options{Edge: f, Now: func() time.Time { return noon }})
}

// ask sends one request from the phone; headers are "Name: value".
func ask(s *Server, method, host, target string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, target, body)
	r.Host, r.RemoteAddr = host, phone.String()+":40000"
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	if strings.HasPrefix(target, "https:") {
		r.TLS = &tls.ConnectionState{}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// post fills in a form that was loaded before.
func post(s *Server, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	full := url.Values{"token": {s.token(phone)}}
	for k, v := range form {
		full[k] = v
	}
	return ask(s, "POST", "gate.school.internal", path, full, headers...)
}

var styleText = regexp.MustCompile(`(?s)<style>.*</style>`)

// golden compares a page with testdata/NAME.html, without its style and token.
func golden(t *testing.T, s *Server, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	got := strings.ReplaceAll(styleText.ReplaceAllString(w.Body.String(), "<style>…</style>"), s.token(phone), "TOKEN") + "\n"
	file := filepath.Join("testdata", name+".html")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the page differs from %s (go test -update writes it anew); it is:\n%s", file, got)
	}
}

func wants(t *testing.T, w *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d", w.Code, status)
	}
	for _, text := range texts {
		if absent, not := strings.CutPrefix(text, "!"); not {
			if strings.Contains(w.Body.String(), absent) {
				t.Errorf("the page says %q:\n%s", absent, styleText.ReplaceAllString(w.Body.String(), ""))
			}
		} else if !strings.Contains(w.Body.String(), text) {
			t.Errorf("the page does not say %q:\n%s", text, styleText.ReplaceAllString(w.Body.String(), ""))
		}
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	for name, f := range map[string]*fake{"starting": {}, "quarantined": {snap: school()}, "admitted": {snap: school(admitted)}, "child": {snap: school(child)}} {
		s := server(f)
		for _, at := range [][3]string{
			{"GET", "gate.school.internal", "/"},
			{"GET", "captive.apple.com", "/hotspot-detect.html"},
			{"POST", "gate.school.internal", "/sign"},
			{"GET", "signout.school.internal", "/"},
			{"GET", "gate.school.internal", "/nothing"},
		} {
			w := ask(s, at[0], at[1], at[2], nil)
			csp := w.Header().Get("Content-Security-Policy")
			if !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || !strings.Contains(csp, "frame-ancestors 'none'") {
				t.Errorf("%s %v: Content-Security-Policy is %q", name, at, csp)
			}
			for header, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s %v: %s is %q", name, at, header, got)
				}
			}
			if w.Header().Get("Set-Cookie") != "" || strings.Contains(w.Body.String(), "<script") {
				t.Errorf("%s %v: a cookie or a script", name, at)
			}
		}
	}
}

func TestBeforeTheFirstSnapshot(t *testing.T) {
	w := ask(server(&fake{}), http.MethodGet, "captive.apple.com", "/", nil)
	wants(t, w, http.StatusServiceUnavailable, "The gateway is starting")
	if w.Header().Get("Retry-After") == "" {
		t.Error("nobody is told to come back")
	}
}

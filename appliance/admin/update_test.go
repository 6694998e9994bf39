package admin_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	upd "stairgate/appliance/update"
	"stairgate/appliance/update/bundle"
)

// updates is a machine that only remembers what it was asked; the real one has
// tests of its own.
type updates struct {
	mu     sync.Mutex
	status upd.Status
	asked  []string
	refuse error
}

func newUpdates() *updates {
	return &updates{status: upd.Status{
		Release:  upd.Release{Product: "stairgate", Board: "amd64", Version: "0.4.0", Built: time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)},
		Slot:     "a",
		Previous: "0.3.1",
	}}
}

var offer = &upd.Offer{
	Version: "0.5.0", Created: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), Size: 41 << 20, By: technician,
	At: time.Date(2026, 11, 23, 9, 12, 0, 0, time.UTC), Notes: "Updates over the admin page.\nThe filter is faster.",
}

func (u *updates) set(change func(*upd.Status)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status = newUpdates().status
	change(&u.status)
}

func (u *updates) ask(what string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.asked = append(u.asked, what)
	return u.refuse
}

func (u *updates) last() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.asked) == 0 {
		return ""
	}
	return u.asked[len(u.asked)-1]
}

func (u *updates) Status() upd.Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.status
}

func (u *updates) Receive(_ context.Context, by string, size int64, r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if size < int64(len(data)) {
		return errors.New("the announced size is too small")
	}
	return u.ask("receive " + by + " " + string(data[:min(len(data), 20)]))
}

func (u *updates) Fetch(_ context.Context, by, partition, name string) error {
	return u.ask("fetch " + by + " " + partition + " " + name)
}

func (u *updates) Install(by, version string, now bool) error {
	if now {
		return u.ask("install " + version + " " + by + " now")
	}
	return u.ask("install " + version + " " + by + " tonight")
}

func (u *updates) Discard(by string) error { return u.ask("discard " + by) }

func (u *updates) Acknowledge() error { return u.ask("acknowledge") }

// uploadUpdate sends a file as a browser does.
func (w *browser) uploadUpdate(token, file string, content io.Reader) answer {
	w.b.t.Helper()
	body, out := io.Pipe()
	m := multipart.NewWriter(out)
	go func() {
		err := m.WriteField("token", token)
		part, perr := m.CreateFormFile("file", file)
		err = errors.Join(err, perr)
		if err == nil {
			_, err = io.Copy(part, content)
		}
		_ = out.CloseWithError(errors.Join(err, m.Close()))
	}()
	// Known beforehand, as a browser knows the size of a file.
	data, err := io.ReadAll(body)
	w.b.must(err)
	req, err := http.NewRequest(http.MethodPost, w.b.server.URL+"/update/upload", bytes.NewReader(data))
	w.b.must(err)
	req.Header.Set("Content-Type", m.FormDataContentType())
	req.Header.Set("Origin", w.b.server.URL)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return w.do(req)
}

func TestTheWordsOfTheUpdatePage(t *testing.T) {
	b := nursery(t)
	w := b.browser()
	w.logIn(technician, password)
	for _, c := range updateStates() {
		b.updates.set(c.change)
		golden(t, "update-"+c.name, w.get("/update"))
	}
	b.updates.set(func(s *upd.Status) { s.Ready = offer })
	w.get("/").says(t, "Version: 0.4.0 of 20 Nov 2026", "Version 0.5.0 waits for you under Updates")
}

type updateState struct {
	name   string
	change func(*upd.Status)
}

// updateStates are the faces of the page.
func updateStates() []updateState {
	attempt := &upd.Attempt{Version: "0.5.0", From: "0.4.0", Slot: "b"}
	return []updateState{
		{"nothing", func(s *upd.Status) { s.Previous = "" }},
		{"stick", func(s *upd.Status) {
			s.Sticks = []upd.StickFile{{Device: "sdb1", Name: "stairgate-0.5.0-amd64.bundle", Size: 41 << 20}}
		}},
		{"ready", func(s *upd.Status) { s.Ready = offer }},
		{"tonight", func(s *upd.Status) {
			s.Ready, s.When = offer, time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
		}},
		{"installing", func(s *upd.Status) { s.Phase, s.Ready, s.Done, s.Total = upd.Installing, offer, 41, 100 }},
		{"restarting", func(s *upd.Status) { s.Phase, s.Attempt = upd.Restarting, attempt }},
		{"trial", func(s *upd.Status) {
			s.Release.Version, s.Previous = "0.5.0", "0.4.0"
			s.Phase, s.Attempt, s.Needs, s.Left = upd.Trial, attempt, 2*time.Minute, 9*time.Minute
		}},
		{"trial-ill", func(s *upd.Status) {
			s.Release.Version, s.Previous = "0.5.0", "0.4.0"
			s.Phase, s.Attempt, s.Needs, s.Left = upd.Trial, attempt, 10*time.Second, 50*time.Second
			s.Failing = []upd.Check{{Key: "dhcp", Ill: "DHCP could not answer"}}
		}},
		{"kept", func(s *upd.Status) {
			s.Result = &upd.Result{Version: "0.4.0", Kept: true, At: b0, Sentence: "Version 0.4.0 has been running since 02:03. The trial passed at 02:06."}
		}},
		{"back", func(s *upd.Status) {
			s.Result = &upd.Result{Version: "0.5.0", At: b0, Sentence: "Version 0.5.0 did not work (DHCP could not answer), so this box went back to 0.4.0 by itself at 02:13."}
		}},
	}
}

var b0 = time.Date(2026, 11, 23, 2, 6, 0, 0, time.UTC)

func TestWhatIsAskedOfTheUpdates(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/update")
	a := w.uploadUpdate(w.hidden("token"), "stairgate.bundle", strings.NewReader("a bundle"))
	a.says(t, "Nothing is installed yet")
	if got := b.updates.last(); got != "receive p.shah a bundle" {
		t.Errorf("%q", got)
	}
	b.updates.set(func(s *upd.Status) {
		s.Ready = offer
		s.Sticks = []upd.StickFile{{Device: "sdb1", Name: "x.bundle", Size: 1}}
	})
	for _, c := range [][]string{
		{"fetch p.shah sdb1 x.bundle", "/update/stick", "device", "sdb1", "name", "x.bundle"},
		{"install 0.5.0 p.shah now", "/update/install", "version", "0.5.0", "when", "now"},
		{"install 0.5.0 p.shah tonight", "/update/install", "version", "0.5.0", "when", "tonight"},
		{"discard p.shah", "/update/discard"},
		{"acknowledge", "/update/read"},
	} {
		w.get("/update")
		if a := w.post(c[1], c[2:]...); a.Status != http.StatusOK || a.URL.Path != "/update" {
			t.Errorf("%s ends at %s with %d", c[1], a.URL, a.Status)
		}
		if got := b.updates.last(); got != c[0] {
			t.Errorf("%s asked %q", c[1], got)
		}
	}
	// A refusal is shown with the page, on the field it is about.
	b.updates.refuse = bundle.Refusal("This update is for another kind of box.")
	w.get("/update")
	a = w.uploadUpdate(w.hidden("token"), "stairgate.bundle", strings.NewReader("a bundle"))
	a.says(t, "Error: Updates", "This update is for another kind of box.", "Upload an update")
	if a.Status != http.StatusUnprocessableEntity || !strings.Contains(a.Body, `href="#file"`) {
		t.Errorf("%d", a.Status)
	}
	w.get("/update")
	w.post("/update/stick", "device", "sdb1", "name", "x.bundle").says(t, "another kind of box")
	w.get("/update")
	w.post("/update/install", "when", "now").says(t, "another kind of box")
	b.updates.refuse = errors.New("input/output error")
	w.get("/update")
	if a := w.post("/update/install", "when", "now"); a.Status != http.StatusServiceUnavailable || strings.Contains(a.Body, "input/output") {
		t.Errorf("%d %s", a.Status, a.Text())
	}
}

func TestUpdatesAreForTechniciansOnly(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/update")
	if a := w.uploadUpdate("nonsense", "x.bundle", strings.NewReader("x")); a.Status != http.StatusForbidden {
		t.Errorf("upload without a token: %d", a.Status)
	}
	if a := w.uploadUpdate(w.hidden("token"), "", strings.NewReader("")); a.Status != http.StatusForbidden && b.updates.last() != "" {
		t.Errorf("upload of nothing: %d", a.Status)
	}
	for _, path := range []string{"/update/install", "/update/discard", "/update/stick", "/update/read"} {
		if a := w.post(path, "token", "nonsense"); a.Status != http.StatusForbidden {
			t.Errorf("%s without a token: %d", path, a.Status)
		}
	}
	stranger := b.browser()
	for _, path := range []string{"/update", "/update/upload"} {
		if a := stranger.get(path); a.URL.Path != "/login" && a.Status != http.StatusMethodNotAllowed {
			t.Errorf("a stranger at %s: %s %d", path, a.URL, a.Status)
		}
	}
	if a := stranger.uploadUpdate("x", "x.bundle", strings.NewReader("x")); a.URL.Path != "/login" {
		t.Errorf("a stranger uploads: %s %d", a.URL, a.Status)
	}
	if got := b.updates.last(); got != "" {
		t.Errorf("asked %q", got)
	}
}

// ready has the next wish refused, or granted.
func (u *updates) ready(refuse error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refuse = refuse
}

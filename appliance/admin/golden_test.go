package admin_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the pages into testdata")

// golden compares the words of a page with testdata/NAME.txt.
func golden(t *testing.T, name string, a answer) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	got := a.Text()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s reads differently (run with -update if it should):\n%s", name, d)
	}
}

// What people read on each page, word by word.
func TestTheWordsOfThePages(t *testing.T) {
	empty := newBox(t)
	empty.seen(laptop, "shah-thinkpad")
	golden(t, "setup", empty.browser().get("/setup"))

	b := nursery(t)
	golden(t, "login", b.browser().get("/login"))
	w := b.browser()
	golden(t, "overview-well", w.logIn(technician, password))
	b.health.Report("wan", "The broadband line is unplugged. Push the cable into the port marked Internet.", b.now())
	b.health.Report("dhcp.pool.school", "The school network has no free addresses left. Make its pool larger.", b.now())
	b.wait(90 * time.Minute)
	w = b.browser()
	golden(t, "overview-ill", w.logIn(technician, password))
	golden(t, "devices", w.get("/devices"))
	golden(t, "device-waiting", w.get("/devices/"+phone.String()))
	golden(t, "device-approved", w.get("/devices/"+laptop.String()))
	golden(t, "device-revoked", w.get("/devices/00:1b:63:84:45:e6"))
	golden(t, "revoke-own", w.get("/devices/"+laptop.String()+"/revoke"))
	golden(t, "online", w.get("/online"))
	golden(t, "end-session", w.get("/online/"+phone.String()+"/end"))
	golden(t, "signatures", w.get("/signatures"))
	golden(t, "queries", w.get("/queries"))
	golden(t, "queries-blocked", w.lookUp("action", "block", "name", "bet365.com"))
	golden(t, "queries-person", w.lookUp("person", "priya shah", "reason", "A parent’s complaint of today"))
	golden(t, "queries-no-reason", w.lookUp("person", "priya shah"))
	golden(t, "queries-export", w.get("/queries/export?person=Priya+Shah"))
	golden(t, "queries-erase", w.get("/queries/erase?person=Priya+Shah"))
	golden(t, "queries-keep", w.get("/queries/keep"))
	golden(t, "monitoring", w.get("/monitoring"))
	golden(t, "groups", w.get("/groups"))
	golden(t, "rule-new", w.get("/rules/new"))
	golden(t, "timetables", w.get("/timetables"))
	golden(t, "timetable", w.get("/timetables/at/after-hours"))
	golden(t, "open", w.get("/open"))
	golden(t, "why-locked", w.get("/why?name=www.pornhub.com&whom=group+staff"))
	golden(t, "why-group", w.get("/why?name=www.facebook.com&whom=group+children"))
	w.get("/groups")
	golden(t, "proposal", w.post("/groups", "group-staff", "shown", "category-staff-webmail", "allow", "category-staff-social", "block allow lunch"))
	golden(t, "trial", w.post("/settings/try", "config", w.hidden("config")))
	golden(t, "nothing", w.get("/nothing"))
}

func TestSearchesThatFindNothing(t *testing.T) {
	b := nursery(t)
	w := b.browser()
	w.logIn(technician, password)
	w.get("/signatures?name=zoe+oc").says(t, "Nobody of that name has signed.")
	w.get("/signatures?name=O%E2%80%99CONNOR").says(t, "Zoë O’Connor", "Download these for a spreadsheet")
	w.lookUp("name", "gambling.example").says(t, "0 rows", "Nothing in the log fits.")
	w.lookUp("device", "nonsense").says(t, "Error: Query log", "Choose a device from the list.")
	w.lookUp("device", laptop.String(), "person", "priya shah", "action", "block", "name", "BET365.com.", "reason", "to see").says(t, "1 row", "www.bet365.com", "Gambling")
	for _, path := range []string{"/devices/nonsense", "/devices/00:00:00:00:00:01", "/signatures/0", "/signatures/x"} {
		if a := w.get(path); a.Status != 404 {
			t.Errorf("%s gave %d", path, a.Status)
		}
	}
}

func TestEndingASession(t *testing.T) {
	b := nursery(t)
	w := b.browser()
	w.logIn(technician, password)
	w.get("/online").says(t, "Priya Shah")
	w.get("/online/"+laptop.String()+"/end").says(t, "Sign out Priya Shah?")
	a := w.post("/online/" + laptop.String() + "/end")
	a.says(t, "The session is ended.")
	if strings.Contains(a.Text(), "Priya Shah") {
		t.Errorf("still online:\n%s", a.Text())
	}
	w.get("/audit").says(t, "p.shah | ended a session device:3c:52:82:0a:11:22 | Priya Shah", "ended by p.shah")
}

func TestTheCertificateForDownload(t *testing.T) {
	b := newBox(t)
	w := b.browser()
	a := w.get("/ca.crt")
	if a.Header.Get("Content-Type") != "application/x-x509-ca-cert" || a.Body[0] != 0x30 {
		t.Errorf("ca.crt: %v", a.Header)
	}
	if a = w.get("/ca.pem"); !strings.HasPrefix(a.Body, "-----BEGIN CERTIFICATE-----") {
		t.Errorf("ca.pem: %.40q", a.Body)
	}
	w.get("/certificate").says(t, "This box’s certificate", "vouches for school.internal", "Windows", "iPad")
}

func TestEndingAllSessions(t *testing.T) {
	b := nursery(t)
	w := b.browser()
	w.logIn(technician, password)
	golden(t, "end-sessions", w.get("/online/end"))
	if a := w.post("/online/end", "of", "nonsense", "reason", "x"); a.Status != 422 {
		t.Errorf("a group nobody knows: %d", a.Status)
	}
	w.post("/online/end", "of", "visitors", "reason", "a drill").says(t, "0 sessions ended.", "Priya Shah")
	w.get("/online/end")
	a := w.post("/online/end", "of", "*", "reason", "a drill")
	a.says(t, "ended. To go online again, people must sign in.")
	if strings.Contains(a.Text(), "Priya Shah") {
		t.Errorf("still online:\n%s", a.Text())
	}
	w.get("/audit").says(t, "p.shah | ended all sessions everybody |", "ended: a drill")
}

package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"stairgate/config/identity"
	"stairgate/dns/policy"
)

func (b *box) text() string {
	text, _ := b.store.Text()
	return string(text)
}

func TestSettingsAreTriedAndKept(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/settings")
	renamed := strings.Replace(b.text(), `"Our school"`, `"Oakfield Nursery"`, 1)
	a := w.post("/settings", "config", renamed)
	a.says(t, "Check the new settings", "Oakfield Nursery")
	if b.store.Effective().School.Name != "Our school" {
		t.Fatal("checking already changed something")
	}
	a = w.post("/settings/try", "config", w.hidden("config"), "window", "300")
	a.says(t, "New settings on trial", "They are in force until 09:35:00", "Stairgate – Oakfield Nursery")
	w.get("/devices").says(t, "New settings are on trial until 09:35:00.")
	w.get("/settings/trial")
	a = w.post("/settings/keep")
	a.says(t, "The new settings are kept.")
	if c, _ := b.store.Current(); c.School.Name != "Oakfield Nursery" {
		t.Errorf("kept is %q", c.School.Name)
	}
	w.get("/settings/history").says(t, "23 November 2026, 09:30", "Oakfield Nursery")
	w.get("/audit").says(t, "tried settings config", "kept settings config")
}

func TestSettingsArePutBack(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/settings")
	w.post("/settings", "config", strings.Replace(b.text(), `"Our school"`, `"Oakfield Nursery"`, 1))
	w.post("/settings/try", "config", w.hidden("config"))
	w.post("/settings/revert").says(t, "The old settings are back.", "Stairgate – Our school")
	w.get("/settings/trial").says(t, "No settings are on trial")
	w.get("/audit").says(t, "put the old settings back config")
}

// A Keep page that stood open keeps what it showed, not a colleague's trial.
func TestKeepOfAnotherTrial(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/settings")
	w.post("/settings", "config", strings.Replace(b.text(), `"Our school"`, `"Oakfield Nursery"`, 1))
	w.post("/settings/try", "config", w.hidden("config"))
	shown := w.hidden("etag")
	w.post("/settings/revert")
	w.get("/settings")
	w.post("/settings", "config", strings.Replace(b.text(), `"Our school"`, `"Elm Tree Nursery"`, 1))
	w.post("/settings/try", "config", w.hidden("config"))
	if a := w.post("/settings/keep", "etag", shown); a.Status != http.StatusConflict {
		t.Errorf("status %d", a.Status)
	}
	if c, _ := b.store.Current(); c.School.Name != "Our school" {
		t.Errorf("kept is %q", c.School.Name)
	}
}

func TestKeepComesTooLate(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/settings")
	w.post("/settings", "config", strings.Replace(b.text(), `"Our school"`, `"Oakfield Nursery"`, 1))
	w.post("/settings/try", "config", w.hidden("config"), "window", "90")
	b.wait(91 * time.Second)
	a := w.post("/settings/keep")
	if a.Status != http.StatusConflict {
		t.Errorf("status %d", a.Status)
	}
	a.says(t, "the box has gone back to the configuration before")
	if b.store.Effective().School.Name != "Our school" {
		t.Error("the candidate is still in force")
	}
}

func TestBadSettingsComeBackWithSentencesAndAllThatWasTyped(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/settings")
	for name, c := range map[string]struct{ old, new, says string }{
		"no JSON":        {`"version": 2,`, `"version": 2`, "Error: Settings"},
		"an unknown key": {`"school": {`, `"shcool": {`, "shcool"},
		"a bad pool":     {`"192.168.77.50"`, `"192.168.78.50"`, "zones[0].pool.from"},
	} {
		t.Run(name, func(t *testing.T) {
			typed := strings.Replace(b.text(), c.old, c.new, 1)
			a := w.post("/settings", "config", typed)
			if a.Status != http.StatusUnprocessableEntity {
				t.Errorf("status %d", a.Status)
			}
			a.says(t, c.says, "There is a problem", strings.Join(strings.Fields(typed), " "))
		})
	}
}

func TestTwoPeopleChangeTheSettings(t *testing.T) {
	b, w := technicianOf(t)
	other := b.browser()
	other.logIn(technician, password)
	w.get("/settings")
	mine := strings.Replace(b.text(), `"the school office"`, `"Ms Ahmed"`, 1)

	other.get("/settings")
	other.post("/settings", "config", strings.Replace(b.text(), `"Our school"`, `"Oakfield Nursery"`, 1))
	other.post("/settings/try", "config", other.hidden("config"))
	other.post("/settings/keep").says(t, "The new settings are kept.")

	a := w.post("/settings", "config", mine)
	if a.Status != http.StatusConflict {
		t.Errorf("status %d", a.Status)
	}
	a.says(t, "Somebody else has changed the settings since you began.", "Ms Ahmed")
	// Looking again tells what would be undone.
	w.post("/settings", "config", mine).says(t, "Check the new settings", "Oakfield Nursery", "Our school", "Ms Ahmed")

	// The same when the other is quicker between the check and the trial.
	third := strings.Replace(b.text(), `"the school office"`, `"Mr Kaya"`, 1)
	w.post("/settings", "config", third)
	other.get("/settings")
	other.post("/settings", "config", strings.Replace(b.text(), `"Oakfield Nursery"`, `"Oakfield School"`, 1))
	other.post("/settings/try", "config", other.hidden("config"))
	other.post("/settings/keep")
	a = w.post("/settings/try", "config", third)
	a.says(t, "Somebody else has changed the settings since you began.", "Mr Kaya")
}

func TestGroupsAreChangedLikeEverySetting(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/groups").says(t, "Pornography", "Staff", "Social networks Open Warning first → Blocked")
	// A browser that opens what is locked, and one that sends a choice that does
	// not exist.
	a := w.post("/groups", "group-staff", "shown", "category-staff-social", "block allow lunch", "category-staff-shopping", "warn",
		"category-staff-hate", "nonsense", "category-staff-pornography", "allow", "category-staff-illegal", "allow",
		"youtube-staff", "strict", "safesearch-staff", "yes", "platforms-staff", "tapestry")
	a.says(t, "Check the new settings",
		"Staff: “Social networks” is now allowed during “Lunch break” and otherwise blocked (was blocked).",
		"Staff: “Shopping” is now shown after a warning (was allowed).",
		"Staff: YouTube's restricted mode is now strict (was moderate).",
		"Staff: the platform “Tapestry” now opens, with what it needs.")
	w.post("/settings/try", "config", w.hidden("config")).says(t, "New settings on trial")
	w.post("/settings/keep").says(t, "The new settings are kept.")
	for _, g := range b.store.Effective().Groups {
		if g.ID == "children" && (len(g.Categories) != 1 || len(g.Categories[0].Of) != 15 || !g.SafeSearch) {
			t.Errorf("children were not on the form and changed: %+v", g)
		}
	}
	for name, want := range map[string]policy.Action{
		"www.facebook.com": policy.Block, "www.amazon.co.uk": policy.Warn, "www.pornhub.com": policy.Block, "www.bbc.co.uk": policy.Allow, "www.google.com": policy.Rewrite,
	} {
		c := identity.Client{Group: "staff", Class: identity.Admitted}
		if x, _ := b.explain(c, name, b.now()); x.Action != want {
			t.Errorf("%s: %s", name, x.Text())
		}
	}
	w.get("/groups").says(t, "Social networks Open Warning first Blocked → Blocked, but open: Lunch break", "[x] Tapestry")
}

func TestRemarksInTheSettingsSurviveAChangeOfGroups(t *testing.T) {
	b, w := technicianOf(t)
	remarked := strings.Replace(b.text(), `"groups": [`, `"//groups": "agreed with the head in May",`+"\n  "+`"groups": [`, 1)
	w.get("/settings")
	w.post("/settings", "config", remarked).says(t, "The box would do the same as now; only the text differs.")
	w.post("/settings/try", "config", w.hidden("config"))
	w.post("/settings/keep")

	w.get("/groups")
	w.post("/groups", "group-visitors", "shown", "category-visitors-shopping", "allow", "safesearch-visitors", "yes", "youtube-visitors", "moderate")
	w.post("/settings/try", "config", w.hidden("config"))
	w.post("/settings/keep").says(t, "The new settings are kept.")
	want := strings.Replace(remarked, `"social", "chat", "shopping", "streaming"]}],`+"\n      \"safesearch\": true,\n      \"youtube\": \"moderate\",\n      \"sign\": true\n", `"social", "chat", "streaming"]}],`+"\n      \"safesearch\": true,\n      \"youtube\": \"moderate\",\n      \"sign\": true\n", 1)
	if want == remarked {
		t.Fatal("the factory settings changed: mend this test")
	}
	if got := b.text(); got != want {
		t.Errorf("the text became\n%s", got)
	}
}

func TestABoxThatMovesSaysWhere(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/settings")
	moved := strings.ReplaceAll(b.text(), "192.168.77.", "10.20.30.")
	w.post("/settings", "config", moved).says(t, "open https://10.20.30.1:8443, sign in and press Keep there", "→ 5 minutes")
	a := w.post("/settings/try", "config", w.hidden("config"), "window", "300")
	// Answered at once: a redirection would lead to an address the box has left.
	if a.URL.Path != "/settings/try" {
		t.Errorf("the answer came from %s", a.URL.Path)
	}
	a.says(t, "open https://10.20.30.1:8443/settings/trial", "Keep")
	if c := b.store.Effective(); c.Zones[0].Address.Addr().String() != "10.20.30.1" {
		t.Errorf("in force is %v", c.Zones[0].Address)
	}
}

// Settings that moved the box are put back: the page leads to where the box will
// be, by a link, by the box's name, and by itself.
func TestPutBackLeadsToTheOldAddress(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/settings")
	w.post("/settings", "config", strings.ReplaceAll(b.text(), "192.168.77.", "192.168.99."))
	w.post("/settings/try", "config", w.hidden("config")).says(t, "The box has moved", "https://192.168.99.1:8443")
	a := w.post("/settings/revert")
	a.says(t, "The old settings are back", "https://192.168.77.1:8443", "https://gate.school.internal:8443", "Wi-Fi off and on")
	if a.Status != http.StatusOK {
		t.Errorf("status %d", a.Status)
	}
	for _, want := range []string{
		`<meta http-equiv="refresh" content="20; url=https://192.168.77.1:8443/settings?done=reverted">`,
		`href="https://192.168.77.1:8443/settings?done=reverted"`,
		`href="https://gate.school.internal:8443/settings?done=reverted"`,
	} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	w.get("/audit").says(t, "put the old settings back config")
	// Nothing moved: no detour.
	w.get("/settings")
	w.post("/settings", "config", strings.Replace(b.text(), `"Our school"`, `"Oakfield Nursery"`, 1))
	w.post("/settings/try", "config", w.hidden("config"))
	w.post("/settings/revert").says(t, "The old settings are back.", "Settings")
}

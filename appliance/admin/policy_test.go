package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"stairgate/config/identity"
	"stairgate/dns/policy"
)

// accept tries and keeps the candidate that is shown.
func (w *browser) accept(t *testing.T) {
	t.Helper()
	w.last.says(t, "Check the new settings")
	w.post("/settings/try", "config", w.hidden("config")).says(t, "New settings on trial")
	w.post("/settings/keep").says(t, "The new settings are kept.")
}

// verdict is what the filter does now.
func (b *box) verdict(c identity.Client, name string) policy.Explanation {
	c.Class = identity.Admitted
	x, _ := b.explain(c, name, b.now())
	return x
}

func TestARuleIsMadeChangedAndRemoved(t *testing.T) {
	b, w := technicianOf(t)
	staff := identity.Client{Group: "staff"}
	w.get("/rules").says(t, "There are none yet.")
	w.get("/rules/new").says(t, "New rule", "It is put down to p.shah with today’s date.")
	// A whole address, as it is copied from a browser, and a second name.
	w.post("/rules/new", "action", "allow", "names", "https://WWW.Facebook.com/groups/phonics\r\nmessenger.com", "whom", "group staff", "when", "lunch",
		"reason", "The parents’ group", "review-day", "1", "review-month", "7", "review-year", "2027")
	w.last.says(t, "A new rule, “facebook”: www.facebook.com and messenger.com are allowed for the group Staff during “Lunch break”, because “The parents’ group” (p.shah, 23 November 2026; to be looked at again by 1 July 2027).")
	w.accept(t)
	if x := b.verdict(staff, "www.facebook.com"); x.Action != policy.Block { // 09:30
		t.Errorf("before lunch: %s", x.Text())
	}
	b.wait(3 * time.Hour)
	if x := b.verdict(staff, "m.www.facebook.com"); x.Rule != "rule/facebook" || !strings.Contains(x.Decided, "p.shah, 23 November 2026: “The parents’ group”") {
		t.Errorf("at lunch: %s", x.Text())
	}
	w = b.browser()
	w.logIn(technician, password)
	w.get("/rules").says(t, "facebook | www.facebook.com and messenger.com are allowed for the group Staff", "The parents’ group")

	w.get("/rules/at/facebook").says(t, "Change the rule “facebook”", "messenger.com")
	w.post("/rules/at/facebook", "action", "block", "names", "www.facebook.com", "whom", "everybody", "reason", "No more",
		"review-day", "1", "review-month", "7", "review-year", "2027")
	w.last.says(t, "The rule “facebook” is now: www.facebook.com is blocked for everybody")
	w.accept(t)
	b.wait(300 * 24 * time.Hour)
	w = b.browser()
	w.logIn(technician, password)
	w.get("/rules").says(t, "1 rule should be looked at again.", "Due")
	w.get("/rules/at/facebook")
	w.post("/rules/at/facebook/remove").says(t, "The rule “facebook” is gone")
	w.accept(t)
	w.get("/rules").says(t, "There are none yet.")
	if a := w.get("/rules/at/facebook"); a.Status != http.StatusNotFound {
		t.Errorf("a rule that is gone: %d", a.Status)
	}
}

// Reviews that are overdue or due soon stand on the first page, with a link.
func TestTheOverviewNamesReviews(t *testing.T) {
	b, w := technicianOf(t)
	again := func() *browser {
		w := b.browser()
		w.logIn(technician, password)
		return w
	}
	if a := w.get("/"); strings.Contains(a.Text(), "look at again") {
		t.Errorf("reviews of nothing:\n%s", a.Text())
	}
	for _, x := range []struct{ name, month string }{{"late.example", "1"}, {"soon.example", "3"}, {"never.example", "7"}} {
		w.get("/rules/new")
		w.post("/rules/new", "action", "allow", "names", x.name, "whom", "group staff", "reason", "A reason for "+x.name,
			"review-day", "1", "review-month", x.month, "review-year", "2027")
		w.accept(t)
	}
	if a := again().get("/"); strings.Contains(a.Text(), "look at again") {
		t.Errorf("months before:\n%s", a.Text())
	}
	b.wait(86 * 24 * time.Hour) // 17 February 2027
	a := again().get("/")
	a.says(t, "Exceptions to look at again", "1 review is overdue. 1 review comes within two weeks.", "late.example is allowed for the group Staff",
		"Because “A reason for late.example”, decided by p.shah on 23 November 2026; to be looked at by 1 January 2027", "soon.example is allowed")
	if text := a.Text(); strings.Contains(text, "never.example") || strings.Index(text, "late.example") > strings.Index(text, "soon.example") {
		t.Errorf("not the right ones, or not in order:\n%s", text)
	}
	if !strings.Contains(a.Body, `href="/rules/at/late"`) || strings.Count(a.Body, ">Overdue<") != 1 {
		t.Error("no link to the rule, or the wrong ones overdue")
	}
	// On its day it is not overdue yet; the day after it is.
	b.wait(12 * 24 * time.Hour)
	again().get("/").says(t, "1 review is overdue. 1 review comes within two weeks.")
	b.wait(24 * time.Hour)
	again().get("/").says(t, "2 reviews are overdue.")
}

func TestRulesAreRefusedInSentences(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/rules/new")
	good := map[string]string{
		"action": "allow", "names": "kahoot.it", "whom": "everybody", "reason": "Quiz", "review-day": "1", "review-month": "7", "review-year": "2027",
	}
	for name, x := range map[string]struct{ field, value, says string }{
		"no name":       {"names", "", "Enter the names of sites, or choose categories."},
		"not a name":    {"names", "kahoot", "is not a full host name."},
		"both":          {"categories", "social", "not both."},
		"nobody":        {"whom", "nobody", "Choose whom the rule is for."},
		"a person":      {"whom", "person", "Enter the person’s full name."},
		"a lost group":  {"whom", "group gone", "There is no group"},
		"no reason":     {"reason", " ", "Enter why: somebody will ask next year."},
		"no review":     {"review-day", "", "must include a day"},
		"review passed": {"review-year", "2025", "before it was made"},
		"review far":    {"review-year", "2030", "once in an academic year"},
		"no timetable":  {"when", "gone", "There is no timetable"},
		"no action":     {"action", "open", "There is no action"},
		"locked":        {"names", "www.pornhub.com", "www.pornhub.com is in the category “Pornography”, which is locked"},
	} {
		t.Run(name, func(t *testing.T) {
			var fields []string
			for k, v := range good {
				if k != x.field {
					fields = append(fields, k, v)
				}
			}
			a := w.post("/rules/new", append(fields, x.field, x.value)...)
			if a.Status != http.StatusUnprocessableEntity {
				t.Errorf("status %d", a.Status)
			}
			a.says(t, "There is a problem", x.says)
		})
	}
	if n := len(b.store.Effective().Filter.Rules); n != 0 {
		t.Errorf("%d rules", n)
	}
	// A locked category is not on the form, and a browser that sends it does not
	// open it.
	w.post("/rules/new", "action", "allow", "categories", "pornography", "whom", "everybody", "reason", "x",
		"review-day", "1", "review-month", "7", "review-year", "2027").says(t, "Enter the names of sites, or choose categories.")
}

func TestATimetableIsMadeAndUsed(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/timetables").says(t, "Lunch break", "Monday to Friday 12:00 to 13:00", "Today is term time.")
	w.get("/timetables/new")
	w.post("/timetables/new", "name", "Late", "slots", "Fri 22:00 - 2:00\nsat,sun 00:00-24:00", "on", "term").
		says(t, "There is a new timetable, “Late”: Friday 22:00 to 02:00 the next day; Saturday and Sunday 00:00 to 24:00 (in term time).")
	w.accept(t)
	if tt := b.store.Effective().Filter.Timetables; len(tt) != 3 || tt[2].ID != "late" || tt[2].Slots[0].To != "02:00" {
		t.Errorf("%+v", tt)
	}
	w.get("/timetables/at/late").says(t, "fri 22:00-02:00 sat,sun 00:00-24:00")
	for typed, says := range map[string]string{
		"mon":               "Line 1, “mon”, is no slot.",
		"mon-fri 9-10":      "is not a time of day",
		"foo 09:00-10:00":   "is no slot",
		"mon 09:00-09:00":   "ends when it begins",
		"":                  "Enter when the timetable holds",
		"mon-fri 9:00-9:61": "is not a time of day",
	} {
		w.post("/timetables/at/late", "name", "Late", "slots", typed).says(t, "There is a problem", says)
	}
	w.get("/timetables/at/late")
	w.post("/timetables/at/late/remove").says(t, "The timetable “Late” is gone.")
	w.accept(t)

	w.get("/timetables/calendar")
	w.post("/timetables/calendar", "terms", "2026-09-02 to 2026-12-18 Autumn term", "holidays", "2026-11-23 Staff outing", "inset", "2026-09-01").
		says(t, "The calendar now has the term “Autumn term”, 2 September 2026 to 18 December 2026.", "The calendar now has the holiday “Staff outing”", "1 September 2026 is now a training day.")
	w.accept(t)
	w.get("/timetables").says(t, "Today is holiday.")
	w.get("/timetables/calendar").says(t, "2026-11-23 Staff outing")
	for field, typed := range map[string]string{"terms": "2026-09-02 to 2026-12-18", "holidays": "Easter", "inset": "1 September"} {
		w.post("/timetables/calendar", field, typed).says(t, "There is a problem", "Line 1, “"+typed+"”")
	}
	w.post("/timetables/calendar", "terms", "2026-09-02 to 2026-08-18 Autumn").says(t, "ends before it begins")
}

// Who uses a timetable keeps it.
func TestATimetableInUseStays(t *testing.T) {
	_, w := technicianOf(t)
	w.get("/groups")
	w.post("/groups", "group-staff", "shown", "category-staff-social", "block allow lunch", "safesearch-staff", "yes")
	w.accept(t)
	w.get("/timetables").says(t, "the group Staff")
	w.get("/timetables/at/lunch")
	w.post("/timetables/at/lunch/remove").says(t, "This timetable is in use", "the group Staff")
}

func TestSomethingIsOpenedForAWhile(t *testing.T) {
	b, w := technicianOf(t)
	b.seen(tablet, "Sunflowers-iPad")
	here := identity.Client{Group: "staff", MAC: laptop}
	w.get("/open").says(t, "Open for a while", "→ 20 minutes")
	w.post("/open", "name", "https://www.facebook.com/x", "device", laptop.String(), "minutes", "20", "reason", "A parent’s message").
		says(t, "It is open now, and closes by itself.", "www.facebook.com", "A parent’s message (p.shah)")
	if x := b.verdict(here, "www.facebook.com"); x.Rule != "open/1" {
		t.Errorf("%s", x.Text())
	}
	if x := b.verdict(identity.Client{Group: "staff", MAC: tablet}, "www.facebook.com"); x.Action != policy.Block {
		t.Errorf("on another device: %s", x.Text())
	}
	w.post("/open/1/end").says(t, "It is closed again.", "closed by p.shah")
	if x := b.verdict(here, "www.facebook.com"); x.Action != policy.Block {
		t.Errorf("closed: %s", x.Text())
	}
	w.post("/open/1/end").says(t, "This opening is over already.")

	w.post("/open", "category", "social", "person", "Amina Khan", "minutes", "60", "reason", "Training")
	w.last.says(t, "Social networks", "Amina Khan")
	b.wait(time.Hour)
	w = b.browser()
	w.logIn(technician, password)
	if page := w.get("/open"); strings.Contains(page.Text(), "Open now") {
		t.Errorf("still open:\n%s", page.Text())
	}
	w.get("/audit").says(t, "opened device:"+laptop.String(), "www.facebook.com for 20m0s: A parent’s message", "closed device:"+laptop.String(), "opened person:Amina Khan")
}

func TestOpeningsAreRefusedInSentences(t *testing.T) {
	b, w := technicianOf(t)
	w.get("/open")
	good := map[string]string{"name": "kahoot.it", "device": laptop.String(), "minutes": "20", "reason": "Quiz"}
	for name, x := range map[string]struct {
		fields []string
		says   string
	}{
		"nothing":             {[]string{"name", ""}, "Enter the name of the site, or choose a category."},
		"both":                {[]string{"category", "social"}, "not both."},
		"not a site":          {[]string{"name", "kahoot"}, "is not the name of a site."},
		"nobody":              {[]string{"device", ""}, "Choose a device, or enter a person’s full name."},
		"device and person":   {[]string{"person", "Amina Khan"}, "not both."},
		"half a person":       {[]string{"device", "", "person", "Amina"}, "first name and last name"},
		"for ever":            {[]string{"minutes", "100000"}, "Choose for how long."},
		"no reason":           {[]string{"reason", ""}, "Enter why it is opened."},
		"pornography":         {[]string{"name", "www.pornhub.com"}, "“Pornography”, which is locked"},
		"a locked category":   {[]string{"name", "", "category", "malware"}, "This category is locked"},
		"a signal":            {[]string{"name", "mask.icloud.com"}, "mask.icloud.com is no site: Apple’s devices ask for this name"},
		"what does not exist": {[]string{"name", "", "category", "cats"}, "Say what is to be opened"},
	} {
		t.Run(name, func(t *testing.T) {
			var fields []string
			over := map[string]string{}
			for i := 0; i < len(x.fields); i += 2 {
				over[x.fields[i]] = x.fields[i+1]
			}
			for k, v := range good {
				if o, ok := over[k]; ok {
					v = o
				}
				delete(over, k)
				fields = append(fields, k, v)
			}
			for k, v := range over {
				fields = append(fields, k, v)
			}
			a := w.post("/open", fields...)
			if a.Status != http.StatusUnprocessableEntity {
				t.Errorf("status %d", a.Status)
			}
			a.says(t, "There is a problem", x.says)
		})
	}
	if live, err := b.records.LiveUnblocks(b.now()); err != nil || len(live) != 0 {
		t.Errorf("open: %+v, %v", live, err)
	}
}

func TestWhyIsItBlocked(t *testing.T) {
	b := nursery(t)
	w := b.browser()
	w.logIn(technician, password)
	w.get("/why").says(t, "Why is it blocked?")
	w.get("/why?name=www.facebook.com&whom=group+staff").says(t, "Blocked", "The setting of the group Staff for “Social networks”.", "group/staff",
		"Social networks: blocked for Staff.", "Open it for a while", "make a rule for it")
	w.get("/why?name=www.google.co.uk&whom=group+staff").says(t, "Open in safe mode", "forcesafesearch.google.com", "searches in safe mode only")
	a := w.get("/why?name=www.pornhub.com&whom=device+" + laptop.String())
	a.says(t, "Blocked", "Locked for “Pornography”: blocked for everybody, and nothing opens it.")
	if strings.Contains(a.Text(), "Open it for a while") {
		t.Error("what is locked is offered for opening")
	}
	w.get("/why?name=www.bbc.co.uk&whom=group+children&at=2026-11-24+10:15").says(t, "Open", "Part of BBC CBeebies", "24 November 2026, 10:15")
	for query, says := range map[string]string{
		"name=x&whom=group+staff":                  "Enter the name of a site",
		"name=bbc.co.uk":                           "Choose a device or a group.",
		"name=bbc.co.uk&whom=group+gone":           "Choose a device or a group.",
		"name=bbc.co.uk&whom=group+staff&at=later": "Enter the time such as",
	} {
		if a := w.get("/why?" + query); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", query, a.Status)
		} else {
			a.says(t, "There is a problem", says)
		}
	}
}

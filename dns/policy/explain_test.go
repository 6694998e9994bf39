package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"stairgate/config/identity"
)

// listed is a set that knows its lists.
type listed map[identity.Category]string

func (l listed) Has(c identity.Category) bool    { return l[c] != "" }
func (l listed) List(c identity.Category) string { return l[c] }

// The whole text, as the command line and the admin page show it.
func TestExplainInWords(t *testing.T) {
	s := readSchool(t, `
group staff safesearch
  block gambling
timetable lunch: mon-fri 12:00-13:00
client laptop device 02:00:00:00:00:01 group staff person Amina Khan
rule quiz allow kahoot.it for group staff when lunch
rule quiz-all block kahoot.it
open 3 vimeo.com for person Amina Khan at 2026-03-03T10:00 20m
`)
	ask := func(line string, of Categories) string {
		q := s.question(t, line)
		q.Categories = of
		return s.rules.Explain(q).Text()
	}
	for _, x := range []struct{ got, want string }{
		{ask("laptop 2026-03-03T10:15 www.bet365.com", listed{identity.Gambling: "ut1/gambling"}), `name: www.bet365.com
action: block
rule: group/staff
why: The setting of the group Staff for “Gambling”.
category: Gambling
list: ut1/gambling
sentence: Gambling: blocked for Staff. If you need this site for your work, ask Ms Ahmed.
before: It is not one of the names that devices and people in need depend on.
before: It is in no locked category.
before: The device is signed in or needs no signature.
before: Nothing was decided about the name itself.
`},
		{ask("laptop 2026-03-03T10:15 kahoot.it", nil), `name: kahoot.it
action: block
rule: rule/quiz-all
why: The school’s rule “quiz-all” for everybody.
decided: Mr Kaya, 5 January 2026: “because” To be looked at again by 1 July 2026.
sentence: The school has blocked this site. If you need it for your work, ask Ms Ahmed.
before: It is not one of the names that devices and people in need depend on.
before: It is in no locked category.
before: The device is signed in or needs no signature.
before: The school’s rule “quiz” for the group Staff. It holds during lunch, which is not now.
`},
		{ask("laptop 2026-03-03T10:15 player.vimeo.com", nil), `name: player.vimeo.com
action: allow
rule: open/3
why: Opened for a while for Amina Khan.
decided: Mr Kaya, 3 March 2026 10:00 to 10:20: “because”
before: It is not one of the names that devices and people in need depend on.
before: It is in no locked category.
before: The device is signed in or needs no signature.
`},
		{ask("laptop 2026-03-03T10:15 www.google.com", nil), `name: www.google.com
action: rewrite
rule: safesearch/staff
why: The group Staff searches in safe mode only.
answered from: forcesafesearch.google.com
before: It is not one of the names that devices and people in need depend on.
before: It is in no locked category.
before: The device is signed in or needs no signature.
before: Nothing was decided about the name itself.
`},
		{ask("laptop 2026-03-03T10:15 porn.example", listed{identity.Pornography: "blp/porn"}), `name: porn.example
action: block
rule: locked
why: Locked for “Pornography”: blocked for everybody, and nothing opens it.
category: Pornography
list: blp/porn
sentence: Pornography: blocked for everybody, and no setting opens it. If this site is wrongly in that category, tell Ms Ahmed.
before: It is not one of the names that devices and people in need depend on.
`},
	} {
		if diff := cmp.Diff(x.want, x.got); diff != "" {
			t.Error(diff)
		}
	}
}

// The names that systems ask before they use another resolver are answered before any
// rule, opening or table, and Explain says so.
func TestExplainSignals(t *testing.T) {
	s := readSchool(t, `
group staff
client laptop device 02:00:00:00:00:01 group staff person Amina Khan
rule relay allow mask.icloud.com use-application-dns.net resolver.arpa
open 3 mask-h2.icloud.com for person Amina Khan at 2026-03-03T10:00 20m
essential mask.icloud.com
`)
	for name, want := range map[string]string{
		"use-application-dns.net":   "block canary bypass Firefox asks",
		"x.use-application-dns.net": "block canary bypass Firefox asks",
		"mask.icloud.com":           "block canary bypass Apple’s devices ask",
		"mask-h2.icloud.com":        "block canary bypass Apple’s devices ask",
		"_dns.resolver.arpa":        "local canary  Systems ask here",
		"unmask.icloud.com":         "allow default  No rule",
		"icloud.com":                "allow default  No rule",
	} {
		q := s.question(t, "laptop 2026-03-03T10:15 "+name)
		x := s.rules.Explain(q)
		if got := fmt.Sprintf("%s %s %s %s", x.Action, x.Rule, x.Category, x.Words); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", name, got)
		}
		if v := s.rules.Answer(q); v != x.Verdict {
			t.Errorf("%s: answered %+v, explained %+v", name, v, x.Verdict)
		}
	}
}

// Who went on from a warning is named.
func TestExplainGoingOn(t *testing.T) {
	s := readSchool(t, `
group staff
  warn shopping
client laptop device 02:00:00:00:00:01 group staff person Amina Khan
list shopping shop.example
open 3 shop.example for device 02:00:00:00:00:01 at 2026-03-03T10:00 30m warned by Amina Khan
`)
	x := s.rules.Explain(s.question(t, "laptop 2026-03-03T10:15 shop.example"))
	if want := "Amina Khan was warned for “Shopping” and went on, on the device 02:00:00:00:00:01."; x.Action != Allow || x.Words != want {
		t.Errorf("%s: %q", x.Action, x.Words)
	}
	if want := "Amina Khan, 3 March 2026 10:00 to 10:30: “because”"; x.Decided != want {
		t.Errorf("decided by %q", x.Decided)
	}
}

// Every rule that can stand in the log has words, and so has one that is gone.
func TestEveryRuleHasWords(t *testing.T) {
	s := readSchool(t, "group staff\nrule quiz allow kahoot.it\n")
	for _, rule := range []string{
		RuleEssential, RuleLocked, RuleQuarantine, RuleTunnel, RuleSignal, RuleDefault, RuleUnblock + "9", RuleOwn + "quiz", RuleOwn + "gone",
		RulePlatform + "topmarks", RulePlatform + "gone", RuleAllowOnly + "staff", RuleGroup + "staff", RuleGroup + "gone",
		RuleSafeSearch + "staff", RuleYouTube + "staff",
	} {
		if got := s.rules.Words(rule); got == rule || len(got) < 20 {
			t.Errorf("%s: %q", rule, got)
		}
	}
	if got := s.rules.Words("from/nowhere"); got != "from/nowhere" {
		t.Errorf("a rule of another program: %q", got)
	}
}

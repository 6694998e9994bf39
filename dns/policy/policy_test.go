package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"stairgate/config/identity"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// in is a set of categories for tests.
type in []identity.Category

func (s in) Has(c identity.Category) bool { return slices.Contains(s, c) }

var (
	admitted    = identity.Client{Class: identity.Admitted}
	quarantined = identity.Client{Class: identity.Quarantined}
	staff       = identity.Group{ID: "staff", Name: "Staff", Categories: identity.Blocking(identity.Gambling, identity.Social)}
	child       = identity.Group{ID: "children", Name: "Children", Categories: identity.Blocking(identity.Gaming), Child: true}
	technician  = identity.Group{ID: "technician", Name: "Technician", Admin: true}
)

func TestDecide(t *testing.T) {
	expired := admitted
	expired.Until = noon
	tonight := admitted
	tonight.Until = noon.Add(time.Nanosecond)

	for name, x := range map[string]struct {
		q    Question
		want Verdict // without the sentence
	}{
		"in no category":                  {Question{Client: admitted, Group: staff}, Verdict{Action: Allow, Rule: RuleDefault}},
		"a category the group blocks":     {Question{Client: admitted, Group: staff, Categories: in{identity.Social}}, Verdict{Action: Block, Rule: "group/staff", Category: identity.Social}},
		"a category it does not block":    {Question{Client: admitted, Group: staff, Categories: in{identity.Gaming}}, Verdict{Action: Allow, Rule: RuleDefault}},
		"locked, for staff":               {Question{Client: admitted, Group: staff, Categories: in{identity.Pornography}}, Verdict{Action: Block, Rule: RuleLocked, Category: identity.Pornography}},
		"locked, for the technician":      {Question{Client: admitted, Group: technician, Categories: in{identity.Malware}}, Verdict{Action: Block, Rule: RuleLocked, Category: identity.Malware}},
		"locked, for no group at all":     {Question{Client: admitted, Categories: in{identity.Illegal}}, Verdict{Action: Block, Rule: RuleLocked, Category: identity.Illegal}},
		"locked, in quarantine":           {Question{Client: quarantined, Group: staff, Categories: in{identity.Pornography}}, Verdict{Action: Block, Rule: RuleLocked, Category: identity.Pornography}},
		"the group's, in quarantine":      {Question{Client: quarantined, Group: staff, Categories: in{identity.Social}}, Verdict{Action: Allow, Rule: RuleQuarantine}},
		"after the end of the session":    {Question{Client: expired, Group: staff, Categories: in{identity.Social}}, Verdict{Action: Allow, Rule: RuleQuarantine}},
		"just before the end":             {Question{Client: tonight, Group: staff, Categories: in{identity.Social}}, Verdict{Action: Block, Rule: "group/staff", Category: identity.Social}},
		"essential wins over the group":   {Question{Client: admitted, Group: staff, Categories: in{identity.Social}, Essential: true}, Verdict{Action: Allow, Rule: RuleEssential}},
		"essential wins over a list":      {Question{Client: admitted, Group: staff, Categories: in{identity.Malware}, Essential: true}, Verdict{Action: Allow, Rule: RuleEssential}},
		"the gravest category is named":   {Question{Client: admitted, Group: staff, Categories: in{identity.Social, identity.Gambling}}, Verdict{Action: Block, Rule: "group/staff", Category: identity.Gambling}},
		"locked before the group's":       {Question{Client: admitted, Group: staff, Categories: in{identity.Social, identity.Pornography}}, Verdict{Action: Block, Rule: RuleLocked, Category: identity.Pornography}},
		"a group that blocks a locked":    {Question{Client: admitted, Group: identity.Group{ID: "x", Categories: identity.Blocking(identity.Pornography)}, Categories: in{identity.Pornography}}, Verdict{Action: Block, Rule: RuleLocked, Category: identity.Pornography}},
		"a category nobody knows":         {Question{Client: admitted, Group: identity.Group{ID: "x", Categories: identity.Blocking("cats")}, Categories: in{"cats"}}, Verdict{Action: Allow, Rule: RuleDefault}},
		"a client that is not said to be": {Question{Group: staff, Categories: in{identity.Social}}, Verdict{Action: Allow, Rule: RuleQuarantine}},
	} {
		t.Run(name, func(t *testing.T) {
			x.q.Now = noon
			got := Decide(x.q)
			if (got.Sentence == "") != (got.Action == Allow) {
				t.Errorf("%s with the sentence %q", got.Action, got.Sentence)
			}
			got.Sentence, got.Named = "", false
			if got != x.want {
				t.Errorf("%+v, want %+v", got, x.want)
			}
		})
	}
}

// Sentences name the category and whom to ask, and never the site.
func TestSentences(t *testing.T) {
	for _, x := range []struct {
		group    identity.Group
		category identity.Category
		want     string
	}{
		{staff, identity.Gambling, "Gambling: blocked for Staff. If you need this site for your work, ask Ms Ahmed."},
		{technician, identity.Malware, "Malware, phishing and scams: blocked for everybody, and no setting opens it. If this site is wrongly in that category, tell Ms Ahmed."},
		{child, identity.Gaming, "This page is not for children. Please tell a grown-up. (Grown-ups: Games is blocked here; ask Ms Ahmed.)"},
		{identity.Group{Categories: identity.Blocking(identity.Chat)}, identity.Chat, "Chat and messaging: blocked for your group. If you need this site for your work, ask Ms Ahmed."},
	} {
		got := Decide(Question{Client: admitted, Group: x.group, Name: "www.secret.example", Categories: in{x.category}, Contact: "Ms Ahmed", Now: noon}).Sentence
		if got != x.want {
			t.Errorf("got  %s\nwant %s", got, x.want)
		}
	}
	if got := Decide(Question{Client: admitted, Group: staff, Categories: in{identity.Social}}).Sentence; !strings.HasSuffix(got, "ask the school office.") {
		t.Errorf("without a contact: %s", got)
	}
}

// FuzzDecide holds the promises for any set of categories, group and time.
func FuzzDecide(f *testing.F) {
	f.Add(uint16(0), uint16(0), false, true, int64(0))
	f.Add(uint16(0x1fff), uint16(0), false, true, int64(5))
	f.Add(uint16(0x10), uint16(0x10), false, false, int64(-5))
	f.Add(uint16(0x07), uint16(0), true, true, int64(0))
	all := identity.Categories()
	f.Fuzz(func(t *testing.T, of, blocks uint16, essential, signedIn bool, left int64) {
		var set, block in
		locked := false
		for i, c := range all {
			if of&(1<<i) != 0 {
				set = append(set, c.ID)
				locked = locked || c.Locked
			}
			if blocks&(1<<i) != 0 {
				block = append(block, c.ID)
			}
		}
		q := Question{Client: quarantined, Group: identity.Group{ID: "g", Categories: identity.Blocking(block...)}, Categories: set, Essential: essential, Now: noon}
		if signedIn {
			q.Client = admitted
			q.Client.Until = noon.Add(time.Duration(left))
		}
		online := signedIn && left > 0
		shared := slices.ContainsFunc(set, block.Has)
		want := set.Has(identity.Illegal) || !essential && (locked || online && shared)
		v := Decide(q)
		if got := v.Action == Block; got != want {
			t.Fatalf("%+v: %+v", q, v)
		}
		if v != Decide(q) {
			t.Fatal("asked twice, answered differently")
		}
		if v.Action == Block && (!set.Has(v.Category) || v.Sentence == "" || v.Rule == "") {
			t.Fatalf("%+v: %+v", q, v)
		}
	})
}

package policy

import (
	"fmt"
	"testing"

	"stairgate/config/identity"
)

// busy is a school with many decisions, as large as the box takes.
func busy() *Rules {
	d := &identity.Data{
		Groups: []identity.Group{
			{ID: "staff", Name: "Staff", Categories: identity.Blocking(identity.Gambling, identity.Social), SafeSearch: true, YouTube: identity.YouTubeModerate},
			{ID: "children", Name: "Children", AllowOnly: true, Child: true, Platforms: []string{"bbc-cbeebies"}},
			{ID: "timed", Name: "Timed", Categories: []identity.CategoryRule{{Action: identity.Allow, Of: []identity.Category{identity.Shopping}, When: "lunch"}, identity.Blocking(identity.Shopping)[0]}},
		},
		Policy: identity.Filter{Clock: "Europe/London", Timetables: []identity.Timetable{
			{ID: "lunch", Name: "Lunch", On: []identity.DayKind{identity.DayTerm}, Slots: []identity.Slot{{Days: identity.Weekdays()[:5], From: "12:00", To: "13:00"}}},
		}},
	}
	for i := range 1000 {
		d.Policy.Rules = append(d.Policy.Rules, identity.Rule{
			ID: fmt.Sprint("r", i), Action: identity.Allow, Names: []string{fmt.Sprintf("site%d.example", i)},
			Device: identity.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)},
		})
	}
	return Compile(d)
}

func member(group string) identity.Client {
	return identity.Client{Class: identity.Admitted, Group: group}
}

// questions are the common ways through the rules.
var questions = map[string]Question{
	"open":          {Client: member("staff"), Name: "www.bbc.co.uk", Now: noon},
	"blocked":       {Client: member("staff"), Name: "www.bet365.com", Set: identity.SetOf(identity.Gambling), Now: noon},
	"locked":        {Client: member("staff"), Name: "porn.example", Set: identity.SetOf(identity.Pornography), Now: noon},
	"rewritten":     {Client: member("staff"), Name: "www.google.co.uk", Essential: true, Now: noon},
	"own rule":      {Client: identity.Client{Class: identity.Admitted, Group: "staff", MAC: identity.MAC{2}}, Name: "www.site0.example", Now: noon},
	"timetable":     {Client: member("timed"), Name: "shop.example", Set: identity.SetOf(identity.Shopping), Now: noon},
	"platform":      {Client: member("children"), Name: "ichef.bbci.co.uk", Now: noon},
	"chosen only":   {Client: member("children"), Name: "www.example.org", Now: noon},
	"in quarantine": {Name: "www.example.org", Now: noon},
	"led":           {Client: member("staff"), Name: "d1234.cloudfront.net", Led: true, By: Verdict{Named: true, Rule: "rule/x"}, Now: noon},
}

func BenchmarkDecide(b *testing.B) {
	r := busy()
	for name, q := range questions {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Decide(q)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		busy()
	}
}

// This runs for every question there is.
func TestDecideDoesNotAllocate(t *testing.T) {
	r := busy()
	for name, q := range questions {
		if n := testing.AllocsPerRun(100, func() { r.Decide(q) }); n > 0 {
			t.Errorf("%s: %.0f allocations", name, n)
		}
	}
}

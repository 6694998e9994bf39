package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"stairgate/config/identity"
)

// anything is a school that decided anything, in any order: what Validate would
// refuse is in here too.
func anything(r *rand.Rand, names []string) *identity.Data {
	pick := func(n int) int { return r.IntN(n) }
	categories := func() (out []identity.Category) {
		for _, c := range identity.Categories() {
			if pick(3) == 0 {
				out = append(out, c.ID)
			}
		}
		return out
	}
	actions := []identity.Action{identity.Allow, identity.Allow, identity.Warn, identity.Block, "", "open"}
	whens := []string{"", "", "always", "never", "gone"}
	d := &identity.Data{Policy: identity.Filter{
		Clock: []string{"Europe/London", "UTC", "nowhere"}[pick(3)],
		Timetables: []identity.Timetable{
			{ID: "always", Slots: []identity.Slot{{Days: identity.Weekdays(), From: "00:00", To: "24:00"}}},
			{ID: "never"},
		},
	}}
	for _, id := range []string{"staff", "children", "technician"} {
		g := identity.Group{ID: id, Name: id, Child: pick(2) == 0, AllowOnly: pick(4) == 0, SafeSearch: pick(2) == 0, Platforms: []string{"tapestry"}}
		for range pick(4) {
			g.Categories = append(g.Categories, identity.CategoryRule{Action: actions[pick(len(actions))], Of: categories(), When: whens[pick(len(whens))]})
		}
		d.Groups = append(d.Groups, g)
	}
	for i := range pick(20) {
		rule := identity.Rule{ID: fmt.Sprint("r", i), Action: actions[pick(len(actions))], When: whens[pick(len(whens))]}
		if pick(2) == 0 {
			rule.Names = []string{names[pick(len(names))]}
		} else {
			rule.Categories = categories()
		}
		switch pick(5) {
		case 0:
			rule.Device = identity.MAC{2}
		case 1:
			rule.Person = "Amina Khan"
		case 2:
			rule.Group = "staff"
		case 3:
			rule.Zone = "school"
		}
		d.Policy.Rules = append(d.Policy.Rules, rule)
	}
	for i := range pick(5) {
		u := identity.Unblock{ID: int64(i), Device: identity.MAC{2}, From: noon.Add(-time.Minute), Until: noon.Add(time.Hour)}
		if pick(2) == 0 {
			u.Name = names[pick(len(names))]
		} else {
			u.Category = identity.Categories()[pick(len(identity.Categories()))].ID
		}
		d.Policy.Unblocks = append(d.Policy.Unblocks, u)
	}
	return d
}

// Whatever a school decides, in whatever order, at whatever time, signed in or
// not: what is locked is blocked, and what is essential is open unless illegal.
func TestLockedStaysLocked(t *testing.T) {
	names := []string{"porn.example", "www.porn.example", "example", "good.example"}
	locked := []identity.Category{identity.Illegal, identity.Pornography, identity.Malware}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		rules := Compile(anything(r, names))
		q := Question{
			Client: identity.Client{
				Class: []identity.Class{identity.Admitted, identity.Quarantined, ""}[r.IntN(3)], MAC: identity.MAC{2}, Person: "Amina Khan",
				Zone: "school", Group: []string{"staff", "children", "technician", "gone", ""}[r.IntN(5)],
			},
			Name: "www.porn.example",
			// Clocks that were moved: a century either way.
			Now: noon.Add(time.Duration(r.Int64N(int64(200*365*24*time.Hour))) - 100*365*24*time.Hour),
			Led: r.IntN(3) == 0,
		}
		q.By = Verdict{Action: Allow, Named: true}
		c := locked[r.IntN(len(locked))]
		q.Set = identity.SetOf(c) | identity.CategorySet(r.Uint64())&identity.AllCategories()
		if v := rules.Decide(q); v.Action != Block || v.Rule != RuleLocked || v.Sentence == "" || !slices.Contains(locked, v.Category) {
			t.Fatalf("seed %d: %+v was not locked: %+v", seed, q, v)
		}
		q.Essential = true
		if v := rules.Decide(q); (v.Action == Block) != (q.Set.Has(identity.Illegal) || rules.group(q.Client.Group).allowOnly && isEngine(q.Name)) {
			t.Fatalf("seed %d: essential %+v: %+v", seed, q, v)
		}
	}
}

// FuzzDecideAnything: no name, set or time is answered with nothing, and the
// same question has the same answer.
func FuzzDecideAnything(f *testing.F) {
	f.Add("www.bbc.co.uk", uint64(0), uint64(1), int64(0))
	f.Add(`a\.b.example`, uint64(7), uint64(2), int64(1<<40))
	f.Add("", uint64(1<<63), uint64(3), int64(-1<<60))
	f.Add("...", uint64(0xff), uint64(4), int64(5))
	f.Fuzz(func(t *testing.T, name string, set, seed uint64, at int64) {
		r := rand.New(rand.NewPCG(seed, 1))
		rules := Compile(anything(r, []string{"example", name, "bbc.co.uk"}))
		q := Question{
			Client: identity.Client{Class: identity.Admitted, MAC: identity.MAC{2}, Group: "staff", Zone: "school"},
			Name:   name, Set: identity.CategorySet(set), Now: time.Unix(at, 0),
		}
		v := rules.Decide(q)
		if v != rules.Decide(q) || v != rules.Explain(q).Verdict {
			t.Fatal("asked twice, answered differently")
		}
		switch v.Action {
		case Allow:
		case Rewrite:
			if v.Target == "" && !v.Addr.IsValid() {
				t.Fatalf("led nowhere: %+v", v)
			}
		case Block, Warn:
			if v.Sentence == "" || v.Rule == "" {
				t.Fatalf("without a word: %+v", v)
			}
		default:
			t.Fatalf("no action: %+v", v)
		}
	})
}

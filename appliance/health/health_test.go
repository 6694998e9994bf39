package health_test

import (
	"testing"
	"time"

	"stairgate/appliance/health"
)

func TestAProblemClearsItself(t *testing.T) {
	var b health.Board
	var heard []string
	b.OnChange(func(p health.Problem, gone bool) {
		if gone {
			heard = append(heard, "end "+p.Key)
			return
		}
		heard = append(heard, "begin "+p.Key)
	})
	t0 := time.Unix(1000, 0)
	b.Report("wan", "The broadband line is unplugged.", t0)
	b.Report("wan", "The broadband line is unplugged.", t0.Add(time.Hour))
	if l := b.List(); len(l) != 1 || !l[0].Since.Equal(t0) {
		t.Fatalf("one problem since %v expected, got %v", t0, l)
	}
	b.Report("wan", "", t0.Add(2*time.Hour))
	b.Report("wan", "", t0.Add(3*time.Hour))
	if l := b.List(); len(l) != 0 {
		t.Fatalf("still ill: %v", l)
	}
	if len(heard) != 2 || heard[0] != "begin wan" || heard[1] != "end wan" {
		t.Fatalf("heard %q", heard)
	}
}

func TestSyncReplacesOnlyItsOwn(t *testing.T) {
	var b health.Board
	t0 := time.Unix(1000, 0)
	b.Report("disk", "The disk is full.", t0)
	b.Sync("dhcp.", map[string]string{"school": "a", "guest": "b"}, t0)
	b.Sync("dhcp.", map[string]string{"guest": "b"}, t0)
	l := b.List()
	if len(l) != 2 || l[0].Key != "dhcp.guest" || l[1].Key != "disk" {
		t.Fatalf("got %v", l)
	}
}

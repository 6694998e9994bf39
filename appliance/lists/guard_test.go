package lists

import (
	"strings"
	"testing"
	"time"
)

// What upstreams have really published by mistake waits for a person, and what
// was good stays in use until then.
func TestASuspiciousListWaits(t *testing.T) {
	for _, c := range []struct {
		name     string
		is       int
		standing Standing
		sentence string
	}{
		{"exactly half", 500, Good, ""},
		{"less than half", 499, Waiting, "The new list has 499 names, the one in use 1,000: it lost more than half."},
		{"five times", 5000, Good, ""},
		{"more than five times", 5001, Waiting, "The new list has 5,001 names, the one in use 1,000: more than five times as many."},
	} {
		t.Run(c.name, func(t *testing.T) {
			sh := newShelf(t, gambling())
			sh.gives("/gambling.txt", names("bet", 1000))
			sh.update()
			before := sh.Info()
			sh.gives("/gambling.txt", names("new", c.is))
			sh.update()
			if c.standing == Good {
				sh.is("gambling", Good, c.is, "")
				return
			}
			for range 2 {
				sh.is("gambling", Waiting, 1000, c.sentence)
				if ls := sh.list("gambling"); ls.New != c.is {
					t.Errorf("%d names wait", ls.New)
				}
				if sh.Info() != before {
					t.Error("what waits is in use")
				}
				sh.looksUp(map[string]string{"bet-1.example": "gambling", "new-1.example": "-"})
				if p := sh.Problems()["waiting.gambling"]; !strings.Contains(p, "waits for you on the page Lists. "+c.sentence) {
					t.Errorf("health says %q", p)
				}
				sh.update()
				sh.reopen()
			}
		})
	}
}

func waiting(t *testing.T) *shelf {
	t.Helper()
	sh := newShelf(t, gambling())
	sh.gives("/gambling.txt", names("bet", 1000))
	sh.update()
	sh.gives("/gambling.txt", names("new", 150))
	sh.update()
	sh.is("gambling", Waiting, 1000, "lost more than half")
	return sh
}

func TestAPersonAccepts(t *testing.T) {
	sh := waiting(t)
	sh.must(sh.Accept("gambling", "p.shah"))
	sh.must(sh.Compile(t.Context()))
	for range 2 {
		sh.is("gambling", Good, 150, "")
		sh.looksUp(map[string]string{"bet-1.example": "-", "new-1.example": "gambling"})
		if by := sh.list("gambling").By; by != "p.shah" {
			t.Errorf("accepted by %q", by)
		}
		if n := strings.Count(sh.files(), "sources/"); n != 1 {
			t.Errorf("%d contents are kept: %s", n, sh.files())
		}
		if p := sh.Problems(); len(p) != 0 {
			t.Errorf("%v", p)
		}
		sh.reopen()
	}
	// From now on 150 is what a newer one is compared with.
	sh.gives("/gambling.txt", names("new", 140))
	sh.update()
	sh.is("gambling", Good, 140, "")
}

func TestAPersonRejects(t *testing.T) {
	sh := waiting(t)
	sh.must(sh.Reject("gambling", "p.shah"))
	for range 2 {
		sh.is("gambling", Good, 1000, "")
		sh.update() // the very same does not come to wait again
		sh.is("gambling", Good, 1000, "")
		// Nor when the server has forgotten its ETags.
		sh.at("/gambling.txt", text(names("new", 150)))
		sh.update()
		sh.is("gambling", Good, 1000, "")
		if n := strings.Count(sh.files(), "sources/"); n != 1 {
			t.Errorf("%d contents are kept: %s", n, sh.files())
		}
		sh.reopen()
	}
	sh.looksUp(map[string]string{"bet-1.example": "gambling", "new-1.example": "-"})
	// Another one does wait.
	sh.gives("/gambling.txt", names("other", 150))
	sh.update()
	sh.is("gambling", Waiting, 1000, "lost more than half")
}

// A mistake that upstream mends by itself needs nobody.
func TestUpstreamMendsItself(t *testing.T) {
	for name, mended := range map[string]string{"the same as before": names("bet", 1000), "a newer one": names("bet", 1001)} {
		t.Run(name, func(t *testing.T) {
			sh := waiting(t)
			sh.gives("/gambling.txt", mended)
			sh.update()
			sh.is("gambling", Good, strings.Count(mended, "\n"), "")
			if n := strings.Count(sh.files(), "sources/"); n != 1 {
				t.Errorf("%d contents are kept: %s", n, sh.files())
			}
			if err := sh.Accept("gambling", "p.shah"); codeOf(err) != "nothing-waits" {
				t.Errorf("accepting what is gone: %v", err)
			}
		})
	}
}

// The newest of those that wait is the one that waits.
func TestTheNewestWaits(t *testing.T) {
	sh := waiting(t)
	sh.gives("/gambling.txt", names("new", 200))
	sh.update()
	if ls := sh.list("gambling"); ls.Standing != Waiting || ls.New != 200 {
		t.Errorf("%+v", ls)
	}
	if n := strings.Count(sh.files(), "sources/"); n != 2 {
		t.Errorf("%d contents are kept: %s", n, sh.files())
	}
}

func TestDecidingWhereNothingWaits(t *testing.T) {
	sh := newShelf(t, gambling())
	for _, err := range []error{sh.Accept("gambling", "p.shah"), sh.Reject("gambling", "p.shah"), sh.Accept("nonsense", "p.shah")} {
		if codeOf(err) != "nothing-waits" || !strings.Contains(Sentence(err), "Nothing of this list waits any more.") {
			t.Errorf("%v", err)
		}
	}
}

// A list that nobody could renew for a fortnight is an illness; one that never
// came is too, from the day the box wanted it.
func TestAnOldListIsAnIllness(t *testing.T) {
	other := gambling()
	other.ID, other.Name, other.URL = "other", "Other", "/other.txt"
	sh := newShelf(t, gambling(), other)
	sh.gives("/gambling.txt", names("bet", 10))
	sh.update()
	sh.wait(14 * 24 * time.Hour)
	if p := sh.Problems(); len(p) != 0 {
		t.Errorf("%v", p)
	}
	sh.wait(time.Second)
	if p := sh.Problems()["old"]; p != "2 category lists have not been renewed for more than 14 days. The page Lists says why." {
		t.Errorf("%q", p)
	}
	if ls := sh.list("gambling"); ls.Standing != Aged {
		t.Errorf("%+v", ls)
	}
	sh.update() // unchanged is renewed too
	if p := sh.Problems()["old"]; p != "The category list “Other” has not been renewed for more than 14 days. The page Lists says why." {
		t.Errorf("%q", p)
	}
	sh.gives("/other.txt", names("bet", 10))
	sh.update()
	if p := sh.Problems(); len(p) != 0 {
		t.Errorf("%v", p)
	}
}

package lists

import (
	"slices"
	"strings"
	"testing"

	"stairgate/config/identity"
	"stairgate/dns/category"
)

// What the box may fetch by itself: over https, with its licence said, and
// enough known of each list to tell a broken one.
func TestTheCatalogue(t *testing.T) {
	all := Catalogue()
	if len(all) < 20 {
		t.Fatalf("%d lists", len(all))
	}
	about := map[identity.Category]bool{}
	total := 0
	for _, s := range all {
		if s.Name == "" || s.Licence == "" || !strings.HasPrefix(s.Homepage, "https://") || !s.remote() {
			t.Errorf("%s says too little: %+v", s.ID, s)
		}
		if s.Least < 1 || s.Names < s.Least || s.Megabytes < 1 || s.Megabytes > 128 {
			t.Errorf("%s: at least %d of about %d names in at most %d MB", s.ID, s.Least, s.Names, s.Megabytes)
		}
		for _, c := range s.Categories() {
			about[c] = about[c] || s.On
		}
		if s.On {
			total += s.Names
		}
	}
	for _, c := range []identity.Category{identity.Pornography, identity.Malware, identity.Hate, identity.Bypass, identity.Gambling, identity.Piracy, identity.Gaming, identity.Social, identity.Chat} {
		if !about[c] {
			t.Errorf("no list that is on is about %s", c)
		}
	}
	if total > 8_000_000 {
		t.Errorf("the lists that are on have %d names: more than a box of one gigabyte is made for", total)
	}
	if len(all[0].Map) == 0 || all[0].Format != category.UT1 || all[0].Map["cleaning"] != "" || all[0].Map["adult"] != identity.Pornography {
		t.Errorf("%+v", all[0])
	}
	if on := Defaults(); !slices.Contains(on, "ut1") || slices.Contains(on, "maltrail") {
		t.Errorf("on by default: %q", on)
	}
	// Each caller may do with it what it likes.
	Catalogue()[0].ID = "changed"
	if Catalogue()[0].ID != all[0].ID {
		t.Error("a caller changed the catalogue")
	}
}

func TestCataloguesThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		`[{"id":"a","url":"http://example.com/a","category":"chat"}]`:                                         "no https address",
		`[{"id":"a","url":"file:/etc/passwd","category":"chat"}]`:                                             "no https address",
		`[{"id":"A b","url":"https://example.com/a","category":"chat"}]`:                                      "is no ID",
		`[{"id":"../a","url":"https://example.com/a","category":"chat"}]`:                                     "is no ID",
		`[{"id":"a","url":"https://example.com/a"}]`:                                                          "one category, or a map",
		`[{"id":"a","url":"https://example.com/a","category":"cats"}]`:                                        `no category "cats"`,
		`[{"id":"a","url":"https://example.com/a","category":"chat","format":"csv"}]`:                         `no format "csv"`,
		`[{"id":"a","url":"https://example.com/a","category":"chat","license":"MIT"}]`:                        "license",
		`[{"id":"a","url":"https://x/a","category":"chat"},{"id":"a","url":"https://x/b","category":"chat"}]`: "twice",
	} {
		if _, err := parseCatalogue([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

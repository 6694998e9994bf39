package captive

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// Every language says everything English says, with the same placeholders, and
// nothing else.
func TestEveryLanguageIsComplete(t *testing.T) {
	if len(catalogue()) < 4 || catalogue()[0].Tag != english {
		t.Fatalf("the catalogue begins with %s and has %d languages", catalogue()[0].Tag, len(catalogue()))
	}
	reference := catalogue()[0].text
	for _, w := range catalogue() {
		if w.Language == "" || w.Clock == "" || w.Day == "" || (w.Direction != "ltr" && w.Direction != "rtl") {
			t.Errorf("%s: language %q, direction %q, clock %q, day %q", w.Tag, w.Language, w.Direction, w.Clock, w.Day)
		}
		for key, text := range w.text {
			if _, ok := reference[key]; !ok {
				t.Errorf("%s has %q, which English has not", w.Tag, key)
			}
			if strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s: %q is %q", w.Tag, key, text)
			}
			if w.Tag != english && text == reference[key] {
				t.Errorf("%s: %q is not translated", w.Tag, key)
			}
		}
		for key, text := range reference {
			got, want := placeholder.FindAllString(w.text[key], -1), placeholder.FindAllString(text, -1)
			slices.Sort(got)
			slices.Sort(want)
			if w.text[key] == "" || !slices.Equal(got, want) {
				t.Errorf("%s: %q lacks words or placeholders: %q", w.Tag, key, w.text[key])
			}
		}
	}
}

// Words nobody says are words somebody translates for nothing.
func TestEveryWordIsSaid(t *testing.T) {
	var all strings.Builder
	for _, dir := range []string{".", "pages", "../config/edge"} {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if f.IsDir() || strings.HasSuffix(f.Name(), "_test.go") {
				continue
			}
			b, err := fs.ReadFile(os.DirFS(dir), f.Name())
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
	}
	for key := range catalogue()[0].text {
		if !strings.Contains(all.String(), `"`+key+`"`) {
			t.Errorf("%q is said nowhere", key)
		}
	}
}

func TestPreferredLanguage(t *testing.T) {
	for header, want := range map[string]string{
		"":                                 "en",
		"pl":                               "pl",
		"pl-PL,pl;q=0.9,en-GB;q=0.8":       "pl",
		"en-GB,en;q=0.9,pl;q=0.8":          "en",
		"de-DE,de;q=0.9,ro;q=0.5,en;q=0.3": "ro",
		"de,fr":                            "en",
		"pl;q=0":                           "en",
		"ur-PK":                            "ur",
		"UR":                               "ur",
		"*":                                "en",
		"pl;q=2":                           "en",
		"pl;q=x,ro;q=NaN,ur;q=0.1":         "ur",
		strings.Repeat("de,", 40) + "pl":   "en",
	} {
		if got := preferred(header).Tag; got != want {
			t.Errorf("Accept-Language %q: %s, want %s", header, got, want)
		}
	}
}

func FuzzPreferred(f *testing.F) {
	f.Add("pl-PL,pl;q=0.9,en;q=0.8")
	f.Add(";;;,,,q=")
	f.Fuzz(func(t *testing.T, header string) {
		if preferred(header) == nil {
			t.Errorf("%q has no language", header)
		}
	})
}

// Every page can be made in every language.
func TestEveryPageInEveryLanguage(t *testing.T) {
	for _, w := range catalogue() {
		lang := "?lang=" + w.Tag
		want := `<html lang="` + w.Tag + `" dir="` + w.Direction + `">`
		for _, f := range []*fake{{snap: school()}, {snap: school(admitted), reason: gambling()}, {snap: school(child), reason: gambling()}} {
			s := server(f)
			for _, at := range [][2]string{
				{"gate.school.internal", "/"},
				{"signout.school.internal", "/"},
				{"blocked.school.internal", "/"},
				{"casino.example", "/"},
				{"gate.school.internal", "/nothing"},
			} {
				if page := ask(s, "GET", at[0], at[1]+lang, nil); page.Code != 302 {
					if !strings.Contains(page.Body.String(), want) {
						t.Errorf("%s: %v is %d without %s", w.Tag, at, page.Code, want)
					}
				}
			}
		}
	}
	s := server(&fake{snap: school()})
	golden(t, s, "portal-ur", ask(s, "GET", "gate.school.internal", "/", nil, "Accept-Language: ur-PK"))
}

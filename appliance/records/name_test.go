package records

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCleanName(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in, want string
		err      error
	}{
		{"Jane Doe", "Jane Doe", nil},
		{" Jane\t Doe\u00a0", "Jane Doe", nil},
		{"Jane\u200d Doe", "Jane Doe", nil},
		{"Zoe\u0308 Müller", "Zoë Müller", nil},
		{"J. Doe", "J. Doe", nil},
		{"Иван Петров", "Иван Петров", nil},
		{"王小明", "王小明", nil},
		{"김민준", "김민준", nil},
		{"王", "", ErrNameShort},
		{"", "", ErrNameMissing},
		{"   ", "", ErrNameMissing},
		{"Jane", "", ErrNameShort},
		{"Jane 7", "", ErrNameShort},
		{"123 456", "", ErrNameShort},
		{"Jane \u202eeoD", "", ErrNameCharacters},
		{"Jane\x00 Doe", "", ErrNameCharacters},
		{"Jane \x1b[31mDoe", "", ErrNameCharacters},
		{"Jane \xff Doe", "", ErrNameCharacters},
		{"Jane \ue000 Doe", "", ErrNameCharacters},
		{"Jane " + strings.Repeat("x", 95), "Jane " + strings.Repeat("x", 95), nil},
		{"Jane " + strings.Repeat("x", 96), "", ErrNameLong},
		{strings.Repeat("x ", 1<<20), "", ErrNameCharacters},
	} {
		got, err := CleanName(tc.in)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("CleanName(%.40q) = %q, %v; want %q, %v", tc.in, got, err, tc.want, tc.err)
		}
	}
}

func TestCleanTitle(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in, want string
		err      error
	}{
		{" SENCo ", "SENCo", nil},
		{"", "", ErrTitleMissing},
		{"--", "", ErrTitleMissing},
		{"a\u202e", "", ErrTitleCharacters},
		{strings.Repeat("x", 101), "", ErrTitleLong},
	} {
		got, err := CleanTitle(tc.in)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("CleanTitle(%q) = %q, %v; want %q, %v", tc.in, got, err, tc.want, tc.err)
		}
	}
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"Jane Doe", "ZOË  o’neil", "İstanbul ŞIŞ", "ẞtraße ßa", "ﬃ ǰ", "王小明", "\u202e", "a\u0345 \u03b9b", "\u1fbe\u0345 x", "ſa K b", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := CleanName(s)
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) || name != "" {
				t.Fatalf("CleanName(%q) = %q, %v", s, name, err)
			}
			return
		}
		if again, err := CleanName(name); again != name || err != nil {
			t.Fatalf("cleaning %q again gives %q, %v", name, again, err)
		}
		if n := utf8.RuneCountInString(name); n > maxName || n < 2 {
			t.Fatalf("%q has %d letters", name, n)
		}
		for _, r := range name {
			if !unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q holds %U", name, r)
			}
		}
		key := NameKey(name)
		if key == "" || NameKey(key) != key {
			t.Fatalf("key %q of %q has key %q", key, name, NameKey(key))
		}
		if up := NameKey(strings.ToUpper(name)); utf8.RuneCountInString(name) == utf8.RuneCountInString(strings.ToUpper(name)) && strings.ToLower(strings.ToUpper(name)) == name && up != key {
			t.Fatalf("%q in capitals is %q, not %q", name, up, key)
		}
	})
}

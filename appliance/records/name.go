package records

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	maxName = 100  // letters of a name or a title
	maxText = 1000 // letters of a note or a reason
)

// CleanName is a full name as it is kept: NFC, single spaces, nothing
// invisible. It refuses what cannot be a person's full name.
func CleanName(s string) (string, error) {
	name, ok := clean(s)
	words := strings.Fields(name)
	switch {
	case !ok:
		return "", ErrNameCharacters
	case len(words) == 0:
		return "", ErrNameMissing
	case utf8.RuneCountInString(name) > maxName:
		return "", ErrNameLong
	}
	n := 0
	for _, w := range words {
		if strings.ContainsFunc(w, unicode.IsLetter) {
			n++
		}
	}
	if n >= 2 || n == 1 && unspaced(name) {
		return name, nil
	}
	return "", ErrNameShort
}

// unspaced reports whether a one-word name is whole: in these scripts family
// and given name are written together.
func unspaced(name string) bool {
	letters := 0
	for _, r := range name {
		if !unicode.IsLetter(r) {
			continue
		}
		if !unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) {
			return false
		}
		letters++
	}
	return letters >= 2
}

// CleanTitle is a job title as it is kept.
func CleanTitle(s string) (string, error) {
	title, ok := clean(s)
	switch {
	case !ok:
		return "", ErrTitleCharacters
	case !strings.ContainsFunc(title, unicode.IsLetter):
		return "", ErrTitleMissing
	case utf8.RuneCountInString(title) > maxName:
		return "", ErrTitleLong
	}
	return title, nil
}

// NameKey is what makes two ways of writing a name one person: case, spaces,
// and the shape of apostrophes and hyphens do not matter, accents do.
func NameKey(name string) string {
	name, _ = clean(name)
	name = norm.NFC.String(cases.Fold().String(norm.NFC.String(dashes.Replace(name))))
	return strings.Join(strings.Fields(name), " ")
}

var dashes = strings.NewReplacer("’", "'", "‘", "'", "ʼ", "'", "`", "'", "‐", "-", "‑", "-", "–", "-")

// clean brings s to NFC with single spaces. ok is false when it holds control or
// bidi characters, or anything else that no page can show. Zero-width joiners,
// which some scripts type and nobody sees, are left out: they would make two
// people of one.
func clean(s string) (_ string, ok bool) {
	if len(s) > 8*maxText || !utf8.ValidString(s) {
		return "", len(s) == 0
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\u200b' || r == '\u200c' || r == '\u200d' || r == '\ufeff' || r == '\u00ad':
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, s)
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return "", false
		}
	}
	return s, true
}

// cleanText is a note or a reason: one line, at most limit letters.
func cleanText(s string, limit int) (string, bool) {
	s, ok := clean(s)
	return s, ok && utf8.RuneCountInString(s) <= limit
}

// label is text a machine sent (a host name, an address): whatever cannot be
// shown is left out, and so is what is too long.
func label(s string, limit int) string {
	if len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		return strings.TrimSpace(s) // nearly every name on the network
	}
	out := make([]rune, 0, min(len(s), limit))
	for _, r := range strings.ToValidUTF8(s, "") {
		if len(out) == limit {
			break
		}
		if unicode.IsPrint(r) {
			out = append(out, r)
		}
	}
	return strings.TrimSpace(string(out))
}

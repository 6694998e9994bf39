package admin

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	passwordMin = 12
	passwordMax = 200
)

// common.txt holds words that people make passwords of, one a line.
//
//go:embed common.txt
var commonText string

var commonWords = strings.Fields(commonText)

// weakness says what is wrong with a new password, or "" when it will do. known
// are words an outsider can guess: the school's name, the account's.
func weakness(password string, known ...string) string {
	switch n := utf8.RuneCountInString(password); {
	case n == 0:
		return "Enter a password."
	case n < passwordMin:
		return "Password must be at least 12 characters. Three or four words make a good one."
	case n > passwordMax:
		return "Password must be 200 characters or fewer."
	}
	if distinct(password) < 6 || !strings.ContainsFunc(password, unicode.IsLetter) {
		return "Password is too easy to guess. Use three or four words that do not belong together."
	}
	words := slices.Clone(commonWords)
	for _, k := range known {
		for w := range strings.FieldsFuncSeq(strings.ToLower(k), func(r rune) bool { return !unicode.IsLetter(r) }) {
			if utf8.RuneCountInString(w) >= 3 {
				words = append(words, w)
			}
		}
	}
	// The longest first: "headteacher" is one word, not "teacher" with four
	// letters to spare.
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	for _, form := range []string{letters(password, false), letters(password, true)} {
		found := 0
		rest := form
		for _, w := range words {
			if strings.Contains(rest, w) {
				found++
				rest = strings.ReplaceAll(rest, w, "\x00")
			}
		}
		rest = strings.ReplaceAll(rest, "\x00", "")
		if found > 0 && found < 4 && utf8.RuneCountInString(rest) < 5 {
			return "Password is made of words that are easy to guess. Use three or four words that do not belong together and are not about the school."
		}
	}
	return ""
}

// letters is the password in lower case without what people put before, between
// and behind the words: digits and signs. With plain set, digits and signs that
// stand for a letter become it.
func letters(password string, plain bool) string {
	stand := strings.NewReplacer("@", "a", "4", "a", "3", "e", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t")
	s := strings.ToLower(password)
	if plain {
		s = stand.Replace(s)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, s)
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range strings.ToLower(s) {
		seen[r] = true
	}
	return len(seen)
}

package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
)

// The letters of a set-up code: none that looks or sounds like another when it
// is read from a console across a cupboard (no 0 O, 1 I L, 2 Z, 5 S, 8 B, U V).
const codeLetters = "34679ACDEFGHJKMNPQRTWXY"

// settingSetupCode is the key of the code in the records, until it is used.
const settingSetupCode = "setup.code"

// NewSetupCode makes a code such as K7QM-4TXP: 8 letters of 23, so 36 bits; with
// ten guesses in five minutes a guesser needs on average thousands of years.
func NewSetupCode() string {
	var b strings.Builder
	for b.Len() < 9 {
		if b.Len() == 4 {
			b.WriteByte('-')
		}
		b.WriteByte(codeLetters[randomBelow(len(codeLetters))])
	}
	return b.String()
}

// randomBelow picks evenly from 0 to n-1, for n up to 256.
func randomBelow(n int) int {
	var b [1]byte
	for {
		_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program rather than return an error
		if limit := 256 - 256%n; int(b[0]) < limit {
			return int(b[0]) % n
		}
	}
}

// SetupCode is the code to show on the console. It is "" when there is an
// account already. The code stays the same over restarts until it is used, so
// that a power cut does not cost the person who is copying it a walk: it is kept
// in the records in the clear, where at that time there is nothing else to guard.
func SetupCode(r Records) (string, error) {
	has, err := r.HasAccount()
	if err != nil || has {
		return "", err
	}
	code, _, err := r.Setting(settingSetupCode)
	if err != nil {
		return "", fmt.Errorf("read the set-up code: %w", err)
	}
	if normalCode(code) != "" {
		return code, nil
	}
	code = NewSetupCode()
	if err := r.SetSetting(settingSetupCode, code); err != nil {
		return "", fmt.Errorf("keep the set-up code: %w", err)
	}
	return code, nil
}

// normalCode is the code without what people add when they copy it: spaces,
// dashes, lower case. It is "" when this is no code.
func normalCode(typed string) string {
	s := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '–', '\t':
			return -1
		}
		return r
	}, strings.ToUpper(typed))
	if len(s) != 8 || strings.Trim(s, codeLetters) != "" {
		return ""
	}
	return s
}

// sameCode compares in a time that tells nothing about either.
func sameCode(typed, real string) bool {
	a, b := sha256.Sum256([]byte(normalCode(typed))), sha256.Sum256([]byte(normalCode(real)))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && normalCode(real) != ""
}

package admin

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
)

func TestAPasswordIsKeptAsArgon2id(t *testing.T) {
	h, err := newHasher()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	kept, err := h.Hash(ctx, "Caf\u00e9 under the hill")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(kept, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("kept as %s", kept)
	}
	if other, _ := h.Hash(ctx, "Caf\u00e9 under the hill"); other == kept {
		t.Error("two hashes of one password are the same: no salt")
	}
	for password, want := range map[string]bool{
		"Caf\u00e9 under the hill":  true,
		"Cafe\u0301 under the hill": true, // the same letters from another keyboard
		"Cafe under the hill":       false,
		"caf\u00e9 under the hill":  false,
		"":                          false,
	} {
		if got, err := h.Verify(ctx, kept, password); err != nil || got != want {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
	if ok, err := h.Verify(ctx, "", "anything"); ok || err != nil {
		t.Errorf("no account: %v, %v", ok, err)
	}
}

func TestPHCStringsOfOthersAreRead(t *testing.T) {
	// The key of RFC 9106's algorithm for these inputs, from the library itself.
	salt := []byte("somesaltsomesalt")
	p := phc{memory: 64, time: 3, threads: 2, salt: salt, key: argon2.IDKey([]byte("password"), salt, 3, 64, 2, 24)}
	got, err := parsePHC(p.String())
	if err != nil || got.String() != p.String() {
		t.Fatalf("%s: %v, %v", p, got, err)
	}
	h := &hasher{slots: make(chan struct{}, 1)}
	if ok, err := h.Verify(context.Background(), p.String(), "password"); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestTooManyAtOnceGiveUp(t *testing.T) {
	h := &hasher{slots: make(chan struct{}, hashSlots)}
	for range hashSlots {
		h.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Hash(ctx, "x"); !errors.Is(err, errBusy) {
		t.Errorf("got %v", err)
	}
}

func FuzzPHC(f *testing.F) {
	for _, s := range []string{
		"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE",
		"$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE",
		"$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE",
		"$argon2id$v=19$m=64,t=0,p=0$$", "$2b$12$abc", "", "$$$$$",
		"$argon2id$v=19$m=64,t=2,p=1 $c29tZXNhbHQ$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePHC(s)
		if err != nil {
			return
		}
		if p.memory > 64*1024 || p.time > 10 || p.threads > 4 {
			t.Errorf("%q would exhaust the box: %+v", s, p)
		}
		if p.String() != s {
			t.Errorf("%q reads as %q", s, p)
		}
	})
}

func TestWeakPasswords(t *testing.T) {
	for password, says := range map[string]string{
		"":                                "Enter a password",
		"short":                           "at least 12",
		"elevenchars":                     "at least 12",
		strings.Repeat("long words ", 20): "200 characters or fewer",
		"aaaaaaaaaaaaaaaa":                "easy to guess",
		"abababababababab":                "easy to guess",
		"982374650192":                    "easy to guess",
		"Password1234!":                   "easy to guess",
		"P@ssw0rd2026!!":                  "easy to guess",
		"Welcome2Oakfield":                "easy to guess",
		"oakfieldnursery1":                "easy to guess",
		"NurserySchool2026":               "easy to guess",
		"priya.shah.2026":                 "easy to guess",
		"Headteacher!!2026":               "easy to guess",
		"qwertyuiop1234":                  "easy to guess",
		"Stairgate-admin-1":               "easy to guess",
		"violet Kettle under Snow":        "",
		"correct horse battery staple":    "",
		"Xk4-tuoPw9-zzRq":                 "",
		"три слова подряд":                "",
		"summer in the nursery garden":    "",
	} {
		got := weakness(password, "priya.shah", "Oakfield Nursery School")
		if (says == "") != (got == "") || !strings.Contains(got, says) {
			t.Errorf("%q: %q, want %q", password, got, says)
		}
	}
}

func TestSetUpCodes(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		c := NewSetupCode()
		if len(c) != 9 || c[4] != '-' || normalCode(c) == "" || seen[c] {
			t.Fatalf("code %q", c)
		}
		seen[c] = true
	}
	for typed, same := range map[string]bool{
		"K7QM-4TXP": true, "k7qm4txp": true, " K7QM – 4TXP\t": true,
		"K7QM-4TXQ": false, "K7QM": false, "": false, "K7QM-4TXP-K7QM": false,
	} {
		if sameCode(typed, "K7QM-4TXP") != same {
			t.Errorf("%q: %v", typed, !same)
		}
	}
	if sameCode("", "") || sameCode("K7QM-4TXP", "") {
		t.Error("a box without a code can be set up")
	}
}

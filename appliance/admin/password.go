package admin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of a password: OWASP's first choice for argon2id, 19 MiB and two
// passes.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32
)

// hashSlots is how many passwords are hashed at once. Each takes 19 MiB, and
// the smallest box has 256.
const hashSlots = 2

// errBusy is returned when too many people sign in at once.
var errBusy = errors.New("too many sign-ins at once")

// hasher turns passwords into PHC strings and checks them.
type hasher struct {
	slots chan struct{}
	// decoy is hashed when there is no such account, so that the answer takes as
	// long as for one that exists.
	decoy string
}

func newHasher() (*hasher, error) {
	// A key out of nothing: no password leads to it, and the box need not hash one
	// before it starts.
	decoy := phc{memory: argonMemory, time: argonTime, threads: argonThreads, salt: make([]byte, argonSalt), key: make([]byte, argonKey)}
	for _, b := range [][]byte{decoy.salt, decoy.key} {
		if _, err := rand.Read(b); err != nil {
			return nil, fmt.Errorf("make a decoy: %w", err)
		}
	}
	return &hasher{slots: make(chan struct{}, hashSlots), decoy: decoy.String()}, nil
}

// Hash makes the PHC string of a password.
func (h *hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("make a salt: %w", err)
	}
	p := phc{memory: argonMemory, time: argonTime, threads: argonThreads, salt: salt, key: make([]byte, argonKey)}
	key, err := h.derive(ctx, p, password)
	if err != nil {
		return "", err
	}
	p.key = key
	return p.String(), nil
}

// Verify reports whether password is the one of the PHC string. With an empty
// encoded it works as long and says no.
func (h *hasher) Verify(ctx context.Context, encoded, password string) (bool, error) {
	known := encoded != ""
	if !known {
		encoded = h.decoy
	}
	p, err := parsePHC(encoded)
	if err != nil {
		return false, err
	}
	key, err := h.derive(ctx, p, password)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, p.key) == 1 && known, nil
}

func (h *hasher) derive(ctx context.Context, p phc, password string) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, errBusy
	}
	// The same password typed on two keyboards is the same bytes.
	plain := norm.NFKC.Bytes([]byte(password))
	return argon2.IDKey(plain, p.salt, p.time, p.memory, p.threads, uint32(len(p.key))), nil
}

// phc is a password hash in the "PHC string format":
// $argon2id$v=19$m=19456,t=2,p=1$salt$key.
type phc struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

func (p phc) String() string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, p.memory, p.time, p.threads, b.EncodeToString(p.salt), b.EncodeToString(p.key))
}

// parsePHC reads a PHC string. It refuses costs that would exhaust the box.
func parsePHC(s string) (phc, error) {
	bad := func(why string) (phc, error) { return phc{}, fmt.Errorf("read a password hash: %s", why) }
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" {
		return bad("not an argon2id PHC string")
	}
	if part[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return bad("unknown version of argon2")
	}
	var p phc
	if n, err := fmt.Sscanf(part[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil || n != 3 {
		return bad("the costs cannot be read")
	}
	if fmt.Sprintf("m=%d,t=%d,p=%d", p.memory, p.time, p.threads) != part[3] {
		return bad("the costs cannot be read")
	}
	if p.memory < 8 || p.memory > 64*1024 || p.time < 1 || p.time > 10 || p.threads < 1 || p.threads > 4 {
		return bad("the costs are out of bounds")
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.Strict().DecodeString(part[4]); err != nil || len(p.salt) < 8 || len(p.salt) > 64 {
		return bad("the salt cannot be read")
	}
	if p.key, err = base64.RawStdEncoding.Strict().DecodeString(part[5]); err != nil || len(p.key) < 16 || len(p.key) > 64 {
		return bad("the key cannot be read")
	}
	return p, nil
}

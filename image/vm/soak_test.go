//go:build qemu && soak

package vm_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"testing"
)

var (
	soakCuts  = flag.Int("cuts", 200, "how often TestSoak cuts the power")
	soakState = flag.String("state", "soak.json", "file in which TestSoak remembers how far it came")
)

// soak is how far TestSoak came.
type soak struct {
	Seed uint64 `json:"seed"`
	Done int    `json:"done"`
}

// TestSoak cuts the power as often as -soak says, and goes on where an earlier
// run was ended.
func TestSoak(t *testing.T) {
	s := soak{Seed: *seedFlag}
	b, err := os.ReadFile(*soakState)
	switch {
	case err == nil:
		var before soak
		if err := json.Unmarshal(b, &before); err != nil {
			t.Fatalf("%s: %v", *soakState, err)
		}
		if before.Done < *soakCuts && (s.Seed == 0 || s.Seed == before.Seed) {
			s = before
		}
	case !errors.Is(err, fs.ErrNotExist):
		t.Fatal(err)
	}
	if s.Seed == 0 {
		s.Seed = rand.Uint64()
	}
	fmt.Printf("soak: seed %d, from cut %d to %d\n", s.Seed, s.Done+1, *soakCuts)
	newCutter(t, s.Seed).run(s.Done, *soakCuts, func(done int) {
		s.Done = done
		b, err := json.Marshal(s)
		if err == nil {
			err = os.WriteFile(*soakState, append(b, '\n'), 0o644)
		}
		if err != nil {
			t.Error(err)
		}
		fmt.Printf("soak: %d of %d\n", done, *soakCuts)
	})
}

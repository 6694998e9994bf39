package build

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"aead.dev/minisign"
)

// Keys are the names of the two pairs an image trusts: the one that signs now, and
// the one that will when the first is retired.
var Keys = []string{"stairgate", "stairgate-next"}

// MakeKeys writes a new pair for each of Keys into dir. It never replaces a file: a
// lost key is the end of all boxes that trust it.
func MakeKeys(dir, password string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range Keys {
		for _, ending := range []string{".key", ".pub"} {
			file := filepath.Join(dir, name+ending)
			if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s is there already; a key that boxes trust must not be replaced, so name another folder", file)
			}
		}
	}
	for _, name := range Keys {
		public, private, err := minisign.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		secret, err := minisign.EncryptKey(password, private)
		if err != nil {
			return err
		}
		open, err := public.MarshalText()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+".key"), secret, 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+".pub"), append(open, '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}

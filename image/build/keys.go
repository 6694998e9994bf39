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

// MakeKeys writes a new pair for each of Keys into dir, as `minisign -G` would;
// without a password as `minisign -G -W`. It never replaces a file: a lost key is the
// end of all boxes that trust it.
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
		open, err := public.MarshalText()
		if err != nil {
			return err
		}
		if err := saveKey(filepath.Join(dir, name+".key"), private, password); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+".pub"), append(open, '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// saveKey writes a private key that only its owner may read. Turning a password into
// a key takes a gigabyte and seconds, on purpose; so without one it is not done.
func saveKey(name string, key minisign.PrivateKey, password string) error {
	var text []byte
	var err error
	if password == "" {
		text, err = key.MarshalText()
	} else {
		text, err = minisign.EncryptKey(password, key)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o600)
}

// loadKey reads what saveKey or minisign wrote.
func loadKey(name, password string) (minisign.PrivateKey, error) {
	var key minisign.PrivateKey
	text, err := os.ReadFile(name)
	if err != nil {
		return key, fmt.Errorf("there is no private key to sign with; `make keys` makes one for development: %w", err)
	}
	if minisign.IsEncrypted(text) {
		key, err = minisign.DecryptKey(password, text)
	} else {
		err = key.UnmarshalText(text)
	}
	if err != nil {
		return key, fmt.Errorf("the private key %s cannot be used; is the password right? %w", name, err)
	}
	return key, nil
}

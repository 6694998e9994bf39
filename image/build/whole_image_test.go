//go:build image

package build

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"

	"stairgate/appliance/update/bundle"
	"stairgate/appliance/update/slots"
)

// checkout copies the source as it is now to another folder, without what was built.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	pipe := exec.Command("bash", "-euo", "pipefail", "-c",
		`cd "$1" && { git -c safe.directory='*' ls-files -z --cached --others --exclude-standard; find appliance/admin/assets/dist -type f -print0; } |
			tar --ignore-failed-read --null -T - -cf - | tar -xf - -C "$2"`, "copy", "../..", dir)
	if out, err := pipe.CombinedOutput(); err != nil {
		t.Fatalf("copying the source: %v\n%s", err, out)
	}
	return dir
}

// Two checkouts in different folders, at different times, with caches of their own,
// give the same image and the same update; and the update is one a box takes.
func TestTwoBuildsAreEqual(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	if err := MakeKeys(keys, ""); err != nil {
		t.Fatal(err)
	}
	type built struct{ image, bundle string }
	var builds []built
	for _, source := range []string{checkout(t), checkout(t)} {
		o := Options{Board: slots.AMD64, Source: source, Keys: keys, Version: "0.4.0", Created: at, Say: t.Logf}
		out := t.TempDir()
		image, err := Image(t.Context(), o, filepath.Join(out, "disk.img"))
		if err != nil {
			t.Fatal(err)
		}
		update, err := Bundle(t.Context(), o, Release{Notes: "New.", Valid: 24 * time.Hour}, filepath.Join(out, "stairgate-{version}.bundle"))
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(out, "stairgate-0.4.0.bundle"); update.Bundle != want {
			t.Errorf("the update is %s, want %s", update.Bundle, want)
		}
		builds = append(builds, built{image.Image, update.Bundle})
	}
	for _, pair := range [][2]string{
		{builds[0].image, builds[1].image},
		{builds[0].bundle, builds[1].bundle},
		{builds[0].image + ".cdx.json", builds[1].bundle + ".cdx.json"},
	} {
		if out, err := exec.Command("cmp", pair[0], pair[1]).CombinedOutput(); err != nil {
			t.Errorf("two builds differ: %s", out)
		}
	}
	checkBundle(t, builds[0].bundle, keys)
}

func checkBundle(t *testing.T, name, keys string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	trusted, err := bundle.Keys(keys)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(f, trusted)
	if err != nil {
		t.Fatal(err)
	}
	m := b.Manifest
	if m.Board != "amd64" || m.Version != "0.4.0" || m.Notes != "New." || !m.Created.Equal(at) || !m.Expires.Equal(at.Add(24*time.Hour)) {
		t.Errorf("the update says of itself %+v", m)
	}
	seen := map[string]string{}
	err = b.Each(func(m bundle.Member, r io.Reader) error {
		head, err := io.ReadAll(io.LimitReader(r, 4))
		if err != nil {
			return err
		}
		seen[m.To] = string(head)
		_, err = io.Copy(io.Discard, r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 || seen["root"] != "hsqs" || !strings.HasPrefix(seen["boot/vmlinuz"], "MZ") {
		t.Errorf("the update holds %q, want a squashfs and a kernel", seen)
	}
}

// A key with a password opens with that password and no other.
func TestKeysPassword(t *testing.T) {
	_, key, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "a.key")
	if err := saveKey(name, key, "right"); err != nil {
		t.Fatal(err)
	}
	if got, err := loadKey(name, "right"); err != nil || !got.Equal(key) {
		t.Errorf("the right password: %v", err)
	}
	if _, err := loadKey(name, "wrong"); err == nil || !strings.Contains(err.Error(), "is the password right?") {
		t.Errorf("the wrong password: %v", err)
	}
	plain, err := key.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(name); err != nil || bytes.Contains(text, plain[len(plain)-60:]) {
		t.Errorf("the key is there in the clear (%v)", err)
	}
}

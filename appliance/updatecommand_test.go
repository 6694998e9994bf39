package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"

	"stairgate/appliance/update/bundle"
	"stairgate/dns/category"
)

// said is what a command prints, and its exit code.
func said(args ...string) (string, int) {
	var out bytes.Buffer
	code, _ := runCommand(args, console{strings.NewReader(""), &out, &out})
	return out.String(), code
}

func TestUpdateCommand(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	public, private, err := minisign.GenerateKey(rand.NewChaCha8([32]byte{7}))
	if err != nil {
		t.Fatal(err)
	}
	text, err := public.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	write("keys/one.pub", text)
	var out bytes.Buffer
	if err := bundle.Write(&out, bundle.Manifest{
		Product: bundle.Product, Board: "amd64", Version: "0.5.0", Created: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), Notes: "Faster.",
		Members: []bundle.Member{{Name: "root", To: bundle.Root}, {Name: "vmlinuz", To: "boot/vmlinuz"}},
	}, func(name string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(name)), nil }, private); err != nil {
		t.Fatal(err)
	}
	good := write("good.bundle", out.Bytes())
	cut := write("cut.bundle", out.Bytes()[:out.Len()/2])
	release := write("release.json", []byte(`{"product":"stairgate","board":"amd64","version":"0.4.0","built":"2026-10-01T00:00:00Z"}`))
	newer := write("newer.json", []byte(`{"product":"stairgate","board":"amd64","version":"0.9.0"}`))
	write("update/state.json", []byte(`{"result":{"version":"0.4.0","kept":true,"sentence":"Version 0.4.0 has been running since 02:03. The trial passed at 02:06.","at":"2026-10-02T02:06:00Z"}}`))
	write("update/floor.json", []byte(`{"version":"0.4.0"}`))
	where := []string{"-perm", dir, "-keys", filepath.Join(dir, "keys"), "-release"}
	for _, c := range []struct {
		args []string
		code int
		want []string
	}{
		{append(where, release, "status"), 0, []string{"Version 0.4.0 for amd64", "The trial passed at 02:06.", "proved itself here is 0.4.0"}},
		{append(where, filepath.Join(dir, "none"), "status"), 0, []string{"does not run from an image"}},
		{append(where, release, "verify", good), 0, []string{"Genuine: version 0.5.0 for amd64, made 1 November 2026, 2 parts", "Faster.", "This box can install it."}},
		{append(where, filepath.Join(dir, "none"), "verify", good), 0, []string{"Genuine: version 0.5.0"}},
		{append(where, newer, "verify", good), 1, []string{"Genuine", "older than version 0.9.0"}},
		{append(where, release, "verify", cut), 1, []string{"ends in the middle"}},
		{append(where, release, "verify", release), 1, []string{"not an update for this box"}},
		{append(where, release, "verify"), 2, []string{"Write status, or verify and a file."}},
		{[]string{"-keys", dir, "verify", good}, 1, []string{"no public key"}},
		{[]string{"-help"}, 0, []string{"appliance update verify FILE"}},
	} {
		got, code := said(append([]string{"update"}, c.args...)...)
		for _, w := range c.want {
			if code != c.code || !strings.Contains(got, w) {
				t.Errorf("%q: exit %d, want %d; it does not say %q:\n%s", c.args, code, c.code, w, got)
			}
		}
	}
}

// The gate's canary must be locked by the table that comes with the program.
func TestCanaryIsLocked(t *testing.T) {
	if set := category.Builtin().Lookup(canary).CategorySet(); set.Locked() == 0 {
		t.Errorf("%s is in %v", canary, set)
	}
}

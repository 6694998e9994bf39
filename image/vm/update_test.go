//go:build qemu

package vm_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stairgate/appliance/update/slots"
	"stairgate/image/build"
	"stairgate/image/vm"
)

// TestUpdateBackAndForth makes four updates in a row. Each is kept, and each
// boots its own slot's kernel with its own command line.
func TestUpdateBackAndForth(t *testing.T) {
	r := newRig(t, must(t)(shelf.image(ware{version: "0.1.0"})))
	r.sign("Ada Byron")
	slot := map[bool]string{true: "b", false: "a"}
	for i, version := range []string{"0.2.0", "0.3.0", "0.4.0", "0.5.0"} {
		word := "stairgate.proof=" + version
		file := must(t)(shelf.bundle(ware{version: version, cmdline: trialWords + " " + word}))
		if err := vm.Install(r.ctx, r.Lab, file); err != nil {
			t.Fatal(err)
		}
		r.kept(version)
		if said := r.gateway.Machine.Console.Since(); !strings.Contains(said, word) {
			t.Errorf("%s was not booted with its own command line", version)
		} else {
			r.gateway.Machine.Console.Skip()
		}
		page, err := r.page("/update")
		if want := "Slot " + slot[i%2 == 0]; err != nil || !strings.Contains(page, want) {
			t.Errorf("%s does not run from %s: %v\n%s", version, want, err, page)
		}
		r.intact()
		// What is kept stays: the next start is of the same version.
		r.offline()
		r.online()
		if _, err := vm.Told(r.ctx, r.Lab, vm.Runs(version), time.Minute); err != nil {
			t.Error(err)
		}
		r.gateway.Machine.Console.Skip()
	}
}

// TestUpdateRefusals gives the box what it must not take. It says why, and
// nothing changes.
func TestUpdateRefusals(t *testing.T) {
	r := newRig(t, must(t)(shelf.image(ware{version: "0.3.0"})))
	good := must(t)(shelf.bundle(ware{version: "0.4.0"}))
	stranger, err := newWaresIn("stranger")
	if err != nil {
		t.Fatal(err)
	}
	refusals := []struct{ name, file, says string }{
		{"an HTML page", variation(t, good, func(b []byte) []byte { return []byte("<!doctype html><title>Not found</title>") }), "not an update"},
		{"nothing", variation(t, good, func([]byte) []byte { return nil }), "empty|not an update|Choose"},
		{"cut off", variation(t, good, func(b []byte) []byte { return b[:len(b)*2/3] }), "complete|cut|short|again"},
		{"somebody else's signature", must(t)(stranger.bundle(ware{version: "0.4.0"})), "sign"},
		{"an older version", must(t)(shelf.bundle(ware{version: "0.2.0"})), "older"},
		{"the same version", must(t)(shelf.bundle(ware{version: "0.3.0"})), "already installed"},
		{"one for the Raspberry Pi", must(t)(shelf.bundle(ware{version: "0.4.0", board: slots.RPi})), "another kind of box"},
		{"one that has expired", must(t)(shelf.bundle(ware{version: "0.4.0", release: build.Release{Valid: time.Nanosecond}})), "was to be installed before"},
		{"one that needs another in between", must(t)(shelf.bundle(ware{version: "0.4.0", release: build.Release{MinVersion: "0.3.9"}})), "needs at least version"},
		{"sizes as of a zip bomb", variation(t, good, bomb), "sign|size|fit|not an update|wrong"},
	}
	for _, member := range members(t, good) {
		refusals = append(refusals, struct{ name, file, says string }{
			"a bit flipped in " + member, variation(t, good, func(b []byte) []byte { return flip(t, b, member) }), "changed|damaged|sign|complete|again|wrong|cannot be read",
		})
	}
	before, err := r.page("/update")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range refusals {
		out, err := vm.Upload(r.ctx, r.Lab, c.file)
		if err == nil { // taken, and checked in the background
			out, err = vm.Told(r.ctx, r.Lab, "There is a problem|Error:|was not|refused", 30*time.Second)
		}
		if err != nil && !errors.Is(err, vm.ErrRefused) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if why := reason(out); !matches(c.says, why) {
			t.Errorf("%s: the page says %q", c.name, why)
		} else {
			t.Logf("%s: %s", c.name, why)
		}
		if after, err := r.page("/update"); err != nil || after != before {
			t.Errorf("%s changed something: %v\n%s", c.name, err, after)
		}
		if err := os.Remove(c.file); err != nil && !strings.Contains(c.file, "wares") {
			t.Error(err)
		}
	}
	// And the good one is still taken after all that.
	if out, err := vm.Upload(r.ctx, r.Lab, good); err != nil {
		t.Errorf("the good one was not taken afterwards: %v\n%s", err, out)
	}
	r.offline()
	r.online()
	if _, err := vm.Told(r.ctx, r.Lab, vm.Runs("0.3.0"), time.Minute); err != nil {
		t.Error(err)
	}
}

// TestUpdateFallsBack installs versions that do not work. Nobody touches the
// box, and the version before comes up again.
func TestUpdateFallsBack(t *testing.T) {
	r := newRig(t, must(t)(shelf.image(ware{version: "0.1.0"})))
	r.sign("Ada Byron")
	for i, how := range []string{
		"kernel does not boot", "kernel is corrupt", "root panics", "init exits", "init hangs", "service crashes", "DHCP cannot bind",
	} {
		version := fmt.Sprintf("0.2.%d", i)
		file := must(t)(shelf.bundle(ware{version: version, how: how}))
		began, resets := time.Now(), r.gateway.Machine.Resets()
		if err := vm.Install(r.ctx, r.Lab, file); err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		page, err := vm.Told(r.ctx, r.Lab, `Version `+version+` did not work .*went back to 0\.1\.0 by itself`, 3*time.Minute)
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		t.Logf("%s: back after %v and %d resets: %s", how, time.Since(began).Round(time.Second), r.gateway.Machine.Resets()-resets, sentence(page, "did not work"))
		r.intact()
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
		shelf.forget(file)
	}
	r.offline()
	r.online()
	r.intact()
}

// variation is a file made from another.
func variation(t *testing.T, file string, change func([]byte) []byte) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "other.bundle")
	if err := os.WriteFile(out, change(b), 0o644); err != nil {
		t.Fatal(err)
	}
	return out
}

// members are the names of what is in a bundle.
func members(t *testing.T, file string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

// flip changes a bit in the middle of a member.
func flip(t *testing.T, b []byte, member string) []byte {
	t.Helper()
	in := bytes.NewReader(b)
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Name == member {
			at := int64(len(b)-in.Len()) + h.Size/2
			b[at] ^= 1
			return b
		}
	}
}

// bomb declares a terabyte in the first member's header.
func bomb(b []byte) []byte {
	copy(b[124:136], "\x80\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00")
	sum := 0
	copy(b[148:156], "        ")
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

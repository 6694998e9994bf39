package vm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A prefilled disk has p4 up to its end, sound and with the content asked for,
// and the checks that the power-cut tests rely on see what is broken.
func TestPrefillAndCheck(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "small.img")
	try(t, "truncate", "-s", "40M", image)
	try(t, "sgdisk", "-n", "1:2048:+8M", "-n", "2:0:+8M", "-n", "3:0:+8M", "-n", "4:0:+8M", "-t", "1:EF00", image)
	parts, err := partitions(image)
	if err != nil {
		t.Fatal(err)
	}
	fat := filepath.Join(dir, "fat")
	try(t, "mkfs.fat", "-F", "32", "-s", "1", "-C", fat, "8192")
	if err := parts[0].copyIn(image, fat, sparseCopy); err != nil {
		t.Fatal(err)
	}
	before, err := BootGUID(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	perm := filepath.Join(dir, "perm")
	if err := os.MkdirAll(perm, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(perm, "greeting"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	raw, err := Prefill(t.Context(), dir, image, 128, perm)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := BootGUID(t.Context(), raw); err != nil || after != before {
		t.Errorf("p1 was %s and is %s (%v): its kernel would not find its root", before, after, err)
	}
	if parts, err = partitions(raw); err != nil {
		t.Fatal(err)
	}
	if got := parts[3].start + parts[3].bytes; got < 127<<20 {
		t.Errorf("p4 ends at %d MiB of 128", got>>20)
	}
	d, err := Flash(t.Context(), dir, raw, 128)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("a fresh disk is not sound: %v", err)
	}
	p4, err := parts[3].copyOut(raw)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "debugfs", "-R", "cat /greeting", p4).Output()
	if err != nil || string(out) != "hello" {
		t.Errorf("p4 holds %q (%v)", out, err)
	}

	// A text is found in files, and on p1 to p3 wherever it lies.
	root, err := os.OpenFile(raw, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.WriteAt([]byte("hello"), parts[1].start+1<<20-2); err != nil {
		t.Fatal(err)
	}
	if err := root.Close(); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{"hello": {"p2", "/greeting"}, "good night": nil} {
		if got, err := d.find(t.Context(), []byte(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q is found in %q (%v), want %q", text, got, err, want)
		}
	}

	// Now something is wrong with each.
	for name, harm := range map[string]struct {
		part partition
		at   int64
	}{"p4": {parts[3], 1 << 10 * 1}, "p1": {parts[0], 512 * 32}} {
		bad := filepath.Join(dir, "bad.img")
		if err := copySparse(bad, raw, 128<<20); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(bad, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, 4096), harm.part.start+harm.at); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		d, err := Flash(t.Context(), filepath.Join(dir, "bad-"+name), bad, 128)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Check(t.Context()); err == nil || !strings.Contains(err.Error(), name+":") {
			t.Errorf("a broken %s went unseen: %v", name, err)
		}
	}
}

func try(t *testing.T, argv ...string) {
	t.Helper()
	if err := run(t.Context(), argv...); err != nil {
		t.Fatal(err)
	}
}

// The console is waited for in order, without the boot loader's colours.
func TestConsole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "console")
	c, err := openConsole(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("first\r\n\x1b[1;31msecond\x1b[0m\r\nfirst\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, line := range []string{"second", "first"} {
		if _, err := c.Wait(ctx, line); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := c.Text(), "first\nsecond\nfirst\n"; got != want {
		t.Errorf("the console shows %q, want %q", got, want)
	}
	ended, stop := context.WithCancel(ctx)
	stop()
	if _, err := c.Wait(ended, "first"); err == nil {
		t.Error("a line was found that was waited for before")
	}
}

// What a machine is made of.
func TestHardware(t *testing.T) {
	card := NIC{MAC: "00:16:3e:00:00:01", User: "restrict=on"}
	for _, c := range []struct {
		hw      Hardware
		program string
		has     []string
	}{
		{Hardware{Board: AMD64, Memory: 256, CPUs: 1, Accel: "tcg", NICs: []NIC{card}, Direct: &Direct{"k", "a"}}, "qemu-system-x86_64", []string{"i6300esb", "ide-hd,drive=disk,bus=ide.0", "e1000e,id=n0,netdev=b0,mac=00:16:3e:00:00:01,romfile="}},
		{Hardware{Board: AMD64, Memory: 256, CPUs: 1, Accel: "kvm", Bus: "nvme", Direct: &Direct{"k", "a"}}, "qemu-system-x86_64", []string{"kvm", "nvme,drive=disk,serial=stairgate"}},
		{Hardware{Board: RPi, Memory: 512, CPUs: 1, NICs: []NIC{card}, Direct: &Direct{"k", "a"}}, "qemu-system-aarch64", []string{"virt", "virtio-blk-pci,drive=disk"}},
	} {
		program, args, _, err := c.hw.command(os.Stdin, "/console")
		if err != nil || program != c.program {
			t.Errorf("%+v: %s, %v", c.hw, program, err)
		}
		for _, want := range c.has {
			if !slices.Contains(args, want) {
				t.Errorf("%s lacks %s: %q", program, want, args)
			}
		}
	}
	if _, _, _, err := (Hardware{Board: "toaster"}).command(os.Stdin, ""); err == nil {
		t.Error("a toaster was built")
	}
}

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fatPartition is a boot partition with a file on it, in a file of its own.
func fatPartition(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "p1")
	write(t, file, "")
	if err := os.Truncate(file, 36<<20); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.fat", "-F", "32", "-s", "1", "--invariant", file)
	kernel := write(t, filepath.Join(t.TempDir(), "vmlinuz"), strings.Repeat("kernel", 1000))
	run(t, "mcopy", "-i", file, kernel, "::/vmlinuz")
	return file
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin", "MTOOLSRC=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// harm writes into a file.
func harm(t *testing.T, file string, at int64, b ...byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// contentOf has nothing of a file that is not there.
func contentOf(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return b
}

const (
	markAt  = 65
	tableAt = 32 * 512
)

// After a power cut the start mends the boot partition and says so; the next
// ordinary start does not write to it.
func TestBootPartitionIsMended(t *testing.T) {
	for _, damage := range []struct {
		name string
		do   func(file string)
	}{
		{"in use, and a lost chain", func(file string) {
			harm(t, file, markAt, 1)
			harm(t, file, tableAt+4*20000, 0xff, 0xff, 0xff, 0x0f)
		}},
		{"copies that differ", func(file string) { harm(t, file, tableAt+4*20000, 0xff, 0xff, 0xff, 0x0f) }},
	} {
		t.Run(damage.name, func(t *testing.T) {
			logged := capture(t)
			file := fatPartition(t)
			before := contentOf(t, file)
			damage.do(file)
			mendBoot(file, time.Now())
			run(t, "fsck.fat", "-n", file)
			if !bytes.Equal(contentOf(t, file), before) {
				t.Error("it is not what it was before the power cut")
			}
			if said := logged(); !strings.Contains(said, "the boot partition was mended after a power cut: ") || !strings.Contains(said, "no name leads to them") {
				t.Errorf("logged:\n%s", said)
			}
		})
	}
}

// Only a power cut is a reason to look: an ordinary start says and writes
// nothing, whatever else there may be.
func TestBootPartitionIsLeftAlone(t *testing.T) {
	logged := capture(t)
	file := fatPartition(t)
	for range 2 {
		before := contentOf(t, file)
		mendBoot(file, time.Now())
		if !bytes.Equal(contentOf(t, file), before) {
			t.Error("it was written to")
		}
		// A lost chain, in both copies of the table.
		harm(t, file, tableAt+4*20000, 0xff, 0xff, 0xff, 0x0f)
		harm(t, file, tableAt+int64(before[36])*512+int64(before[37])<<8*512+4*20000, 0xff, 0xff, 0xff, 0x0f)
	}
	if said := logged(); strings.Contains(said, "boot partition") {
		t.Errorf("logged:\n%s", said)
	}
}

// What cannot be mended is said, is not written to, and does not end the start.
func TestBootPartitionCannotBeMended(t *testing.T) {
	grave := fatPartition(t)
	harm(t, grave, markAt, 1)
	harm(t, grave, tableAt+4*3, 0x03, 0, 0, 0) // the file loops
	slow := fatPartition(t)
	harm(t, slow, markAt, 1)
	for _, c := range []struct {
		name, file string
		now        time.Time
		want       string
	}{
		{"not there", filepath.Join(t.TempDir(), "nothing"), time.Now(), "no such file"},
		{"empty", write(t, filepath.Join(t.TempDir(), "empty"), ""), time.Now(), "read the boot sector"},
		{"something else", write(t, filepath.Join(t.TempDir(), "else"), strings.Repeat("x", 4096)), time.Now(), "no boot sector"},
		{"grave", grave, time.Now(), "was left alone; if an update fails, write the image to the storage again"},
		{"slow", slow, time.Now().Add(-time.Hour), "takes longer than 30s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			logged := capture(t)
			before := contentOf(t, c.file)
			mendBoot(c.file, c.now)
			if !bytes.Equal(before, contentOf(t, c.file)) {
				t.Error("it was written to")
			}
			if said := logged(); !strings.Contains(said, "STORAGE: the boot partition") || !strings.Contains(said, c.want) {
				t.Errorf("want %q, logged:\n%s", c.want, said)
			}
		})
	}
}

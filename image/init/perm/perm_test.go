package perm

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const mib = 1 << 20

// partition is a file in a partition's place, with the given bytes at places.
func partition(t *testing.T, size int64, content map[int64]string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "p4"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for at, s := range content {
		if _, err := f.WriteAt([]byte(s), at); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command("/usr/sbin/"+name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// e2fsck finds nothing wrong with what we format, on every size from a small
// virtual disk's to a large card's, and it can be grown to the whole.
func TestFormat(t *testing.T) {
	for _, size := range []int64{32 * mib, 64 * mib, 200*mib + 512*3, 1 << 30, 16 << 30, 128 << 30} {
		// What an earlier owner of the disk left behind must not shine through.
		f := partition(t, size, nil)
		junk := make([]byte, 8*mib)
		for i := range junk {
			junk[i] = byte(rand.Uint32())
		}
		copy(junk, make([]byte, 160<<10))
		if _, err := f.WriteAt(junk, 0); err != nil {
			t.Fatal(err)
		}
		if err := Format(f, size); err != nil {
			t.Fatalf("%d MiB: %v", size>>20, err)
		}
		tool(t, "e2fsck", "-fn", f.Name())
		what, err := Signature(f)
		if err != nil || what != EXT4 {
			t.Errorf("%d MiB: it is taken for %q, %v", size>>20, what, err)
		}
		n, err := Size(f)
		if err != nil || n > size || n < min(size, small)-mib {
			t.Errorf("%d MiB: the file system has %d bytes, %v", size>>20, n, err)
		}
		if size <= 16<<30 {
			tool(t, "resize2fs", "-f", f.Name())
			tool(t, "e2fsck", "-fn", f.Name())
			if n, err := Size(f); err != nil || n < size-mib {
				t.Errorf("%d MiB: grown, it has %d bytes, %v", size>>20, n, err)
			}
		}
		head := tool(t, "dumpe2fs", "-h", f.Name())
		for _, want := range []string{"has_journal", "metadata_csum", "clean"} {
			if !strings.Contains(head, want) {
				t.Errorf("%d MiB: dumpe2fs does not say %q", size>>20, want)
			}
		}
	}
}

// Nothing that anybody could want back is formatted over.
func TestNeverFormatsWhatIsThere(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(path string) (string, []string)
	}{
		{EXT4, func(p string) (string, []string) { return "mke2fs", []string{"-q", "-F", "-t", "ext4", p} }},
		{"FAT", func(p string) (string, []string) { return "mkfs.fat", []string{p} }},
		{"swap", func(p string) (string, []string) { return "mkswap", []string{p} }},
		{"partition table", func(p string) (string, []string) { return "sgdisk", []string{"-n1:0:0", p} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := partition(t, 64*mib, nil)
			name, args := c.make(f.Name())
			if name == "mkswap" {
				args = append([]string{"-q"}, args...)
			}
			if name == "sgdisk" {
				// Its protective MBR is a boot sector as well; that alone would do.
				tool(t, name, args...)
				if _, err := f.WriteAt([]byte{0, 0}, 510); err != nil {
					t.Fatal(err)
				}
			} else {
				tool(t, name, args...)
			}
			same(t, f, c.name)
		})
	}
	for _, s := range signatures {
		t.Run("magic of "+s.name, func(t *testing.T) {
			same(t, partition(t, 64*mib, map[int64]string{s.at: s.magic}), s.name)
		})
	}
}

// same checks that Format leaves every byte.
func same(t *testing.T, f *os.File, want string) {
	t.Helper()
	before, after := make([]byte, mib), make([]byte, mib)
	if _, err := f.ReadAt(before, 0); err != nil {
		t.Fatal(err)
	}
	what, err := Signature(f)
	if err != nil || what == "" {
		t.Fatalf("the signature is %q, %v; want %q", what, err, want)
	}
	if err := Format(f, 64*mib); err == nil || !strings.Contains(err.Error(), "not formatted again") {
		t.Errorf("Format says %v", err)
	}
	if _, err := f.ReadAt(after, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("something was written")
	}
}

// An ext4 that was damaged, but still says that it is one, is not formatted.
func TestDamagedIsKept(t *testing.T) {
	f := partition(t, 64*mib, nil)
	if err := Format(f, 64*mib); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 40), superblock+100); err != nil {
		t.Fatal(err)
	}
	same(t, f, EXT4)
}

// One that no longer says that it is one is not formatted either, once it was
// in use; e2fsck has no objection to the mark, and can repair the rest.
func TestDamagedMagicIsKept(t *testing.T) {
	f := partition(t, 512*mib, nil)
	if err := Format(f, 512*mib); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := Mark(f); err != nil {
			t.Fatal(err)
		}
	}
	if what, err := Signature(f); err != nil || what != EXT4 {
		t.Fatalf("marked, it is taken for %q, %v", what, err)
	}
	tool(t, "e2fsck", "-fn", f.Name())
	for at, size := range map[int64]int{superblock + 56: 2, superblock: superblockSize} { // the magic, everything
		if _, err := f.WriteAt(make([]byte, size), at); err != nil {
			t.Fatal(err)
		}
		same(t, f, "a /perm whose beginning is damaged")
	}
}

// What is not there yet is not marked: the next start could not format it.
func TestNothingIsNotMarked(t *testing.T) {
	f := partition(t, 64*mib, nil)
	if err := Mark(f); err == nil {
		t.Error("an empty partition is marked")
	}
	if what, err := Signature(f); err != nil || what != "" {
		t.Errorf("it is taken for %q, %v", what, err)
	}
}

// Until the superblock is written there is no file system: a power cut before
// leaves a partition that the next start formats again.
func TestSuperblockComesLast(t *testing.T) {
	f := partition(t, 64*mib, nil)
	l := &lastly{File: f}
	block := bytes.Repeat([]byte{7}, 4096)
	if _, err := l.WriteAt(block, 0); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, 4096)
	if _, err := l.ReadAt(back, 0); err != nil || !bytes.Equal(back, block) {
		t.Errorf("what was written is not read back: %v", err)
	}
	if _, err := f.ReadAt(back, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back[superblock:superblock+superblockSize], make([]byte, superblockSize)) || back[1023] != 7 || back[2048] != 7 {
		t.Error("the superblock's place was written too early, or another was not")
	}
	if err := l.finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadAt(back, 0); err != nil || !bytes.Equal(back, block) {
		t.Errorf("the superblock is missing in the end: %v", err)
	}
}

func TestTooSmall(t *testing.T) {
	err := Format(partition(t, 8*mib, nil), 8*mib)
	if err == nil || !strings.Contains(err.Error(), "8 MiB") {
		t.Errorf("a partition of 8 MiB: %v", err)
	}
}

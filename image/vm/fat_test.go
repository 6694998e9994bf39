package vm

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stairgate/appliance/update/slots"
)

// What the next start mends is accepted after a power cut, and a torn kernel
// only in a slot that nothing starts.
func TestCheckAfterPowerCut(t *testing.T) {
	const mib = 1 << 20
	dir := t.TempDir()
	fresh, tree := filepath.Join(dir, "fresh"), filepath.Join(dir, "tree")
	try(t, "mkfs.fat", "-F", "32", "-s", "1", "-C", fresh, "36864")
	files, err := slots.Initial(slots.AMD64, "guid", "0.1.0", "")
	if err != nil {
		t.Fatal(err)
	}
	files["a/vmlinuz"], files["b/vmlinuz"] = make([]byte, mib), make([]byte, mib)
	for name, data := range files {
		if err := slots.Dir(tree).Create(name, data); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"loader", "a", "b"} {
		if err := mtools(t.Context(), "mcopy", "-s", "-i", fresh, filepath.Join(tree, name), "::/"); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	tables := []int64{32 * 512, (32 + int64(binary.LittleEndian.Uint32(b[36:]))) * 512}
	// The chains of the two kernels are one cluster after the other.
	first := map[string]uint32{}
	data := (32 + 2*int64(binary.LittleEndian.Uint32(b[36:]))) * 512
	for at, slot := data, "a"; at < int64(len(b)); at += 32 {
		if string(b[at:at+11]) == "VMLINUZ    " {
			first[slot], slot = uint32(binary.LittleEndian.Uint16(b[at+26:])), "b"
		}
	}
	if len(first) != 2 {
		t.Fatalf("there are the kernels %v", first)
	}
	const dirty, last = 65, 0x0fffffff
	mark := func(f *os.File) error {
		_, err := f.WriteAt([]byte{1}, dirty)
		return err
	}
	set := func(f *os.File, table int64, cluster, value uint32) error {
		_, err := f.WriteAt(binary.LittleEndian.AppendUint32(nil, value), table+4*int64(cluster))
		return err
	}
	both := func(f *os.File, cluster, value uint32) error {
		for _, table := range tables {
			if err := set(f, table, cluster, value); err != nil {
				return err
			}
		}
		return nil
	}
	for name, c := range map[string]struct {
		harm func(f *os.File) error
		want string
	}{
		"nothing":                {func(*os.File) error { return nil }, ""},
		"mark":                   {func(*os.File) error { return nil }, ""},
		"lost chain":             {func(f *os.File) error { return both(f, 60000, last) }, ""},
		"copies differ":          {func(f *os.File) error { return set(f, tables[1], 60000, last) }, ""},
		"torn where none starts": {func(f *os.File) error { return both(f, first["b"]+9, last) }, ""},
		"torn where one starts":  {func(f *os.File) error { return both(f, first["a"]+9, last) }, "the loader may start slot a"},
		"kernels that meet":      {func(f *os.File) error { return both(f, first["a"]+9, first["b"]+9) }, "not mended"},
		"second boot sector": {func(f *os.File) error {
			_, err := f.WriteAt([]byte{1}, 6*512+100)
			return err
		}, "not mended"},
		"name fsck.fat refuses": {func(f *os.File) error {
			_, err := f.WriteAt([]byte("B?        *"), int64(strings.Index(string(b), "B          ")))
			return err
		}, "fsck.fat -n"},
	} {
		t.Run(name, func(t *testing.T) {
			raw := filepath.Join(t.TempDir(), "raw")
			if err := copySparse(raw, fresh, int64(len(b))); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(raw, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			if name != "nothing" {
				if err := mark(f); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.harm(f); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			err = checkFAT(t.Context(), raw, partition{number: 1, bytes: int64(len(b))})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), "p1: ") || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

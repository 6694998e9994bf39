package fat

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A power cut at any moment of an update, as Linux writes: names in order, each
// on the disk before the next (MS_DIRSYNC), the table and the count a while
// later and sector by sector in no order at all. What is mended has no fault but
// in the torn file itself, and with that one removed, as the next update does,
// fsck.fat finds nothing and every other file is whole.
func TestAnyMomentOfAnUpdate(t *testing.T) {
	const seed, rounds = 20260301, 5
	old := made(t, usual)
	kernel := filepath.Join(t.TempDir(), "vmlinuz")
	if err := os.WriteFile(kernel, bytes.Repeat([]byte("the new kernel. "), 2<<20/16), 0o644); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	for _, step := range []struct {
		name string
		do   func(file string)
		// gone are files that the step may take away or leave unfinished.
		gone []string
	}{
		{"a kernel is removed", func(file string) { tool(t, "mdel", "-i", file, "::/a/vmlinuz") }, []string{"a/vmlinuz"}},
		{"a slot is emptied", func(file string) { tool(t, "mdeltree", "-i", file, "::/b") }, []string{"b"}},
		{"a folder is made", func(file string) { tool(t, "mmd", "-i", file, "::/c") }, []string{"c"}},
		{"a kernel is written", func(file string) { tool(t, "mcopy", "-i", file, kernel, "::/a/new") }, []string{"a/new"}},
		{"a slot is filled", func(file string) {
			tool(t, "mmd", "-i", file, "::/c")
			tool(t, "mcopy", "-i", file, kernel, "::/c/vmlinuz")
			tool(t, "mcopy", "-i", file, kernel, "::/c/second")
		}, []string{"c"}},
	} {
		t.Run(step.name, func(t *testing.T) {
			file := old.save(t)
			step.do(file)
			all := load(t, file)
			for round := range rounds {
				m := old.clone()
				m.b[markAt] |= dirtyMark
				// The content is on the disk before the name is, and may be in any case.
				copy(m.b[m.v.data:], all.b[m.v.data:])
				if round == 0 && strings.HasSuffix(step.name, "written") {
					copy(m.b[m.v.data:], old.b[m.v.data:]) // the name not yet
				}
				part := random.IntN(4) // from nearly nothing to nearly all of it
				for at := m.v.sector; at < m.v.data; at += m.v.sector {
					if random.IntN(4) <= part {
						copy(m.b[at:at+m.v.sector], all.b[at:at+m.v.sector])
					}
				}
				r, err := Mend(m, m.size())
				if err != nil || r.Grave {
					t.Fatalf("seed %d, round %d: %v, %v", seed, round, r, err)
				}
				torn := m.save(t)
				for _, f := range r.Left() {
					if f.Kind != Short || !slices.ContainsFunc(step.gone, func(g string) bool { return strings.HasPrefix(f.Path, g) }) {
						t.Errorf("seed %d, round %d: left is %v", seed, round, f)
					}
					tool(t, "mdel", "-i", torn, "::/"+f.Path)
				}
				tool(t, "fsck.fat", "-n", torn)
				to := t.TempDir()
				tool(t, "mcopy", "-s", "-n", "-i", torn, "::/*", to)
				for name, want := range contents {
					if slices.ContainsFunc(step.gone, func(g string) bool { return strings.HasPrefix(name, g) }) {
						continue
					}
					if got, err := os.ReadFile(filepath.Join(to, filepath.FromSlash(name))); err != nil || string(got) != want {
						t.Errorf("seed %d, round %d: %s is not what it was (%v)", seed, round, name, err)
					}
				}
			}
		})
	}
}

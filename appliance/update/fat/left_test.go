package fat

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What is short or has two names is for others to replace: it is reported, the
// rest is mended and the mark goes.
func TestLeft(t *testing.T) {
	fresh := made(t, usual)
	for _, d := range []struct {
		damage
		left  []Kind
		paths []string
	}{
		{damage{"file shorter than its size", func(t testing.TB, m *image) {
			chain := m.chain(t, vmlinuz)
			m.put(chain[len(chain)/2], last)
		}, []Kind{Dirty, Lost, Short}}, []Kind{Short}, []string{"a/vmlinuz"}},
		{damage{"file half of whose table was not written", func(t testing.TB, m *image) {
			chain := m.chain(t, vmlinuz)
			for _, c := range chain[len(chain)/2:] {
				m.put(c, free)
			}
		}, []Kind{Dirty, Open, Short, FreeCount}}, []Kind{Short}, []string{"a/vmlinuz"}},
		{damage{"file none of whose table was written", func(t testing.TB, m *image) {
			for _, c := range m.chain(t, vmlinuz) {
				m.put(c, free)
			}
		}, []Kind{Dirty, Open, Short, FreeCount}}, []Kind{Short}, []string{"a/vmlinuz"}},
		{damage{"file without a cluster", func(t testing.TB, m *image) {
			binary.LittleEndian.PutUint16(m.b[m.entry(t, one)+26:], 0)
		}, []Kind{Dirty, Lost, Short}}, []Kind{Short}, []string{"b/one"}},
		{damage{"two names for one chain, and a lost one", func(t testing.TB, m *image) {
			at := m.entry(t, vmlinuz)
			copy(m.b[m.entry(t, empty)+20:], m.b[at+20:at+nameSize])
			m.put(m.vacant(1)[0], last)
		}, []Kind{Dirty, Lost, Twin, FreeCount}}, []Kind{Twin}, nil},
		{damage{"medium with errors", func(_ testing.TB, m *image) { m.put(1, 0x0bffffff) }, []Kind{Dirty, Surface}}, []Kind{Surface}, nil},
		{damage{"second boot sector of another", func(_ testing.TB, m *image) { m.b[m.v.backup+71] ^= 1 }, []Kind{Dirty, Backup}}, []Kind{Backup}, nil},
		{damage{"no count", func(_ testing.TB, m *image) { m.b[m.v.info+484] = 0 }, []Kind{Dirty, Info}}, []Kind{Info}, nil},
	} {
		t.Run(d.name, func(t *testing.T) {
			m := fresh.clone()
			m.b[markAt] |= dirtyMark
			d.do(t, m)
			r, err := Mend(m, m.size())
			if err != nil || !sameKinds(kinds(r.Faults), d.kinds) || !slices.Equal(kinds(r.Left()), d.left) {
				t.Fatalf("Mend: %v, left %v, %v", r, r.Left(), err)
			}
			for i, p := range d.paths {
				if r.Left()[i].Path != p {
					t.Errorf("the fault is of %q, want %q", r.Left()[i].Path, p)
				}
			}
			if dirty, err := Unclean(m, m.size()); dirty || err != nil {
				t.Errorf("unclean is %v, %v", dirty, err)
			}
			r, err = Mend(&cut{Device: m}, m.size())
			if err != nil || !slices.Equal(kinds(r.Faults), d.left) {
				t.Errorf("the second Mend: %v, %v", r, err)
			}
			if d.paths == nil {
				return
			}
			// What Linux does when it removes the torn file; then fsck.fat is content.
			file := m.save(t)
			tool(t, "mdel", "-i", file, "::/"+d.paths[0])
			tool(t, "fsck.fat", "-n", file)
		})
	}
}

// Anything grave, and nothing is written: not even the lost chain beside it.
func TestGrave(t *testing.T) {
	fresh := made(t, usual)
	for _, d := range []damage{
		{"chains that meet", func(t testing.TB, m *image) {
			a, b := m.chain(t, vmlinuz), m.chain(t, even)
			m.put(b[1], a[3])
		}, []Kind{Crossed}},
		{"two names of one start", func(t testing.TB, m *image) {
			binary.LittleEndian.PutUint16(m.b[m.entry(t, one)+26:], uint16(m.start(t, vmlinuz)))
		}, []Kind{Crossed}},
		{"file that loops", func(t testing.TB, m *image) {
			a := m.chain(t, vmlinuz)
			m.put(a[5], a[2])
		}, []Kind{Crossed}},
		{"file into a bad cluster", func(t testing.TB, m *image) { m.put(m.chain(t, vmlinuz)[2], bad) }, []Kind{Broken}},
		{"file out of range", func(t testing.TB, m *image) { m.put(m.chain(t, vmlinuz)[2], m.v.count+2) }, []Kind{Broken}},
		{"file into the forbidden cluster", func(t testing.TB, m *image) { m.put(m.chain(t, vmlinuz)[2], 1) }, []Kind{Broken}},
		{"file that starts out of range", func(t testing.TB, m *image) {
			binary.LittleEndian.PutUint16(m.b[m.entry(t, one)+20:], 0x0fff)
		}, []Kind{Broken}},
		{"folder that loops", func(t testing.TB, m *image) { m.put(m.start(t, slotB), m.start(t, slotB)) }, []Kind{Crossed}},
		{"folder in itself", func(t testing.TB, m *image) {
			binary.LittleEndian.PutUint16(m.b[m.entry(t, "OVERLAYS   ")+26:], uint16(m.start(t, slotB)))
		}, []Kind{Crossed}},
		{"folder of zeros", func(t testing.TB, m *image) {
			clear(m.b[m.v.at(m.start(t, slotB)):][:m.v.cluster])
		}, []Kind{Broken}},
		{"folder whose cluster was never written", func(t testing.TB, m *image) {
			c := m.vacant(1)[0]
			binary.LittleEndian.PutUint16(m.b[m.entry(t, slotB)+26:], uint16(c))
			binary.LittleEndian.PutUint16(m.b[m.entry(t, slotB)+20:], uint16(c>>16))
		}, []Kind{Broken}},
		{"first folder of zeros", func(_ testing.TB, m *image) { clear(m.b[m.v.at(m.v.root):][:m.v.cluster]) }, []Kind{Hollow}},
		{"first folder free", func(_ testing.TB, m *image) { m.put(m.v.root, free) }, []Kind{Broken}},
	} {
		t.Run(d.name, func(t *testing.T) {
			m := fresh.clone()
			m.b[markAt] |= dirtyMark
			m.put(m.vacant(1)[0], last)
			d.do(t, m)
			r, err := Mend(&cut{Device: m}, m.size())
			if err != nil || !r.Grave {
				t.Fatalf("Mend: %v, %v", r, err)
			}
			var grave []Kind
			for _, f := range r.Faults {
				if f.Kind.Grave() {
					grave = append(grave, f.Kind)
				}
			}
			if !slices.Equal(slices.Compact(grave), d.kinds) || len(r.Left()) != len(r.Faults) {
				t.Errorf("grave is %v of %v, want %v; left %v", grave, r, d.kinds, r.Left())
			}
			if out, err := exec.Command("fsck.fat", "-n", m.save(t)).CombinedOutput(); err == nil {
				t.Errorf("fsck.fat is content: %s", out)
			}
		})
	}
}

// More empty files with clusters than are kept in mind cost nothing.
func TestTooMany(t *testing.T) {
	m := made(t, usual)
	c := m.vacant(mostEdits*nameSize/int(m.v.cluster) + 1)
	m.put(m.chain(t, "OVERLAYS   ")[len(m.chain(t, "OVERLAYS   "))-1], c[0])
	for i, at := range c {
		next := uint32(last)
		if i+1 < len(c) {
			next = c[i+1]
		}
		m.put(at, next)
		for n := range slices.Chunk(m.b[m.v.at(at):][:m.v.cluster], nameSize) {
			copy(n, "X       Y  ")
			n[26] = 9
		}
	}
	r, err := Mend(&cut{Device: m}, m.size())
	if err != nil || !r.Grave || r.More == 0 || !strings.Contains(r.String(), "more") {
		t.Errorf("%d faults and %d more, grave %v, %v", len(r.Faults), r.More, r.Grave, err)
	}
}

// What is not the image's FAT32 is refused with a sentence and never written.
func TestForeign(t *testing.T) {
	fresh := made(t, usual)
	other := func(name string, args ...string) *image {
		file := (&image{b: make([]byte, 40<<20)}).save(t)
		tool(t, name, append(args, file)...)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return &image{b: b}
	}
	boot := func(at int, b ...byte) *image {
		m := fresh.clone()
		copy(m.b[at:], b)
		return m
	}
	for name, c := range map[string]struct {
		m    *image
		want string
	}{
		"nothing":            {&image{b: make([]byte, 1<<20)}, "no boot sector"},
		"too little":         {&image{b: fresh.b[:100]}, "read the boot sector"},
		"half":               {&image{b: fresh.b[:30<<20]}, "larger than the partition"},
		"ext4":               {other("mke2fs", "-q", "-F"), "no boot sector"},
		"FAT12":              {other("mkfs.fat", "-F", "12"), "another kind"},
		"FAT16":              {other("mkfs.fat", "-F", "16"), "another kind"},
		"one table":          {other("mkfs.fat", "-F", "32", "-f", "1"), "two equal copies"},
		"tables apart":       {boot(40, 0x80), "two equal copies"},
		"sectors of none":    {boot(11, 0, 0), "sectors of 0"},
		"odd sectors":        {boot(11, 1, 3), "sectors of 769"},
		"no cluster":         {boot(13, 0), "clusters of 0"},
		"odd clusters":       {boot(13, 3), "clusters of 3"},
		"two sizes":          {boot(19, 0, 1), "another kind"},
		"later version":      {boot(42, 1), "later version"},
		"no count":           {boot(48, 0xff, 0xff), "out of its place"},
		"no second sector":   {boot(50, 0, 0), "out of its place"},
		"first folder at 0":  {boot(44, 0), "first folder"},
		"endless table":      {boot(36, 0xff, 0xff, 0xff, 0xff), "clusters"},
		"short table":        {boot(36, 1, 0, 0, 0), "too short"},
		"all of it reserved": {boot(14, 0xff, 0xff, 2, 0, 0, 0, 0, 0xf8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0), "clusters"},
		"table of zeros":     {boot(int(fresh.v.tables[0]), make([]byte, 512)...), "does not begin like one"},
	} {
		before := bytes.Clone(c.m.b)
		if len(c.m.b) > markAt {
			c.m.b[markAt] |= dirtyMark
			before[markAt] |= dirtyMark
		}
		_, mended := Mend(c.m, c.m.size())
		_, checked := Check(c.m, c.m.size())
		for _, err := range []error{mended, checked} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
		if !bytes.Equal(before, c.m.b) {
			t.Errorf("%s was written to", name)
		}
	}
}

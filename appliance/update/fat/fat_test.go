package fat

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// image is a FAT32 as the builder makes it, with files in it.
type image struct {
	b []byte
	v volume
}

// WriteAt, ReadAt and Sync make it a Device.
func (m *image) WriteAt(p []byte, off int64) (int, error) { return copy(m.b[off:], p), nil }

func (m *image) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(m.b).ReadAt(p, off) }
func (m *image) Sync() error                             { return nil }
func (m *image) size() int64                             { return int64(len(m.b)) }
func (m *image) clone() *image                           { return &image{bytes.Clone(m.b), m.v} }

// contents of the files, by path.
var contents = map[string]string{
	"loader/entries/a.conf": "title Stairgate 0.1.0 (a)\nsort-key stairgate\nversion 1\noptions quiet\nlinux /a/vmlinuz\n",
	"a/vmlinuz":             strings.Repeat("the kernel that runs. ", 4000),
	"a/empty":               "",
	"b/vmlinuz":             strings.Repeat("the kernel of the other slot. ", 3000),
	"b/one":                 "less than a cluster",
	"b/even":                strings.Repeat("x", 4096),
}

func init() {
	// Enough for a folder of several clusters.
	for i := range 90 {
		contents[fmt.Sprintf("b/overlays/overlay-%02d.dtbo", i)] = fmt.Sprint("overlay ", i)
	}
}

func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "MTOOLSRC=/dev/null", "MTOOLS_SKIP_CHECK=1", "LC_ALL=C.UTF-8", "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v (Debian packages dosfstools and mtools): %v\n%s", name, args, err, out)
	}
	return string(out)
}

// made is a new one, of size bytes.
func made(t testing.TB, size int64) *image {
	t.Helper()
	dir := t.TempDir()
	tree, file := filepath.Join(dir, "tree"), filepath.Join(dir, "fat")
	for name, text := range contents {
		p := filepath.Join(tree, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	sectors := "1"
	if size == real {
		sectors = "2"
	}
	tool(t, "mkfs.fat", "-F", "32", "-s", sectors, "-n", "STAIRGATE", "--invariant", file)
	for _, name := range []string{"loader", "a", "b"} {
		tool(t, "mcopy", "-Q", "-s", "-i", file, filepath.Join(tree, name), "::/")
	}
	return load(t, file)
}

func load(t testing.TB, file string) *image {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := &image{b: b}
	if m.v, _, err = readVolume(m, m.size()); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *image) save(t testing.TB) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "fat"))
	if err != nil {
		t.Fatal(err)
	}
	zero := make([]byte, 1<<16)
	for at := 0; at < len(m.b); at += len(zero) { // sparse
		if part := m.b[at:min(at+len(zero), len(m.b))]; !bytes.Equal(part, zero[:len(part)]) {
			if _, err := f.WriteAt(part, int64(at)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(f.Truncate(m.size()), f.Close()); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// sound has fsck.fat find nothing and mtools give every file back.
func (m *image) sound(t testing.TB) {
	t.Helper()
	file := m.save(t)
	out := strings.ReplaceAll(tool(t, "fsck.fat", "-n", file), file, "")
	for _, complaint := range []string{"irty", "differ", "wrong", "eclaim", "Truncat", "Free cluster"} {
		if strings.Contains(out, complaint) {
			t.Errorf("fsck.fat: %s", out)
		}
	}
	to := t.TempDir()
	for _, name := range []string{"loader", "a", "b"} {
		tool(t, "mcopy", "-s", "-n", "-i", file, "::/"+name, to)
	}
	for name, want := range contents {
		if got, err := os.ReadFile(filepath.Join(to, filepath.FromSlash(name))); err != nil || string(got) != want {
			t.Errorf("%s holds %d bytes and held %d (%v)", name, len(got), len(want), err)
		}
	}
}

// entry is where the short name of a file lies.
func (m *image) entry(t testing.TB, short string) int64 {
	t.Helper()
	at := bytes.Index(m.b[m.v.data:], []byte(short))
	if at < 0 || at%nameSize != 0 {
		t.Fatalf("there is no %q", short)
	}
	return m.v.data + int64(at)
}

func (m *image) start(t testing.TB, short string) uint32 {
	at := m.entry(t, short)
	return name(m.b[at : at+nameSize]).start()
}

func (m *image) get(copied int, c uint32) uint32 {
	return binary.LittleEndian.Uint32(m.b[m.v.tables[copied]+int64(4*c):]) & valueMask
}

// put writes a cluster's value into both copies.
func (m *image) put(c, v uint32) {
	for _, at := range m.v.tables {
		binary.LittleEndian.PutUint32(m.b[at+int64(4*c):], v)
	}
}

// chain is a file's clusters.
func (m *image) chain(t testing.TB, short string) (all []uint32) {
	for c := m.start(t, short); m.v.in(c); c = m.get(0, c) {
		all = append(all, c)
	}
	return all
}

// vacant are free clusters, from the end.
func (m *image) vacant(n int) (all []uint32) {
	for c := m.v.count + 1; len(all) < n; c-- {
		if m.get(0, c) == free {
			all = append(all, c)
		}
	}
	return all
}

const (
	vmlinuz = "VMLINUZ    " // the first one is slot a's
	one     = "ONE        "
	even    = "EVEN       "
	empty   = "EMPTY      "
	slotB   = "B          "
)

// damage is what a power cut, or worse, leaves.
type damage struct {
	name  string
	do    func(t testing.TB, m *image)
	kinds []Kind // found
}

// mendable is everything after which the file system is as sound as before.
var mendable = []damage{
	{name: "mark in the boot sector", do: func(_ testing.TB, m *image) { m.b[markAt] |= dirtyMark }, kinds: []Kind{Dirty}},
	{name: "mark in both boot sectors", do: func(_ testing.TB, m *image) {
		m.b[markAt] |= dirtyMark
		m.b[m.v.backup+markAt] |= dirtyMark
	}, kinds: []Kind{Dirty}},
	{name: "mark in the table", do: func(_ testing.TB, m *image) { m.put(1, 0x07ffffff) }, kinds: []Kind{Dirty}},
	{name: "second table behind", do: func(_ testing.TB, m *image) { clear(m.b[m.v.tables[1]+512:][:1024]) }, kinds: []Kind{Differ}},
	{name: "second table ahead", do: func(_ testing.TB, m *image) {
		binary.LittleEndian.PutUint32(m.b[m.v.tables[1]+int64(4*m.v.count):], last)
	}, kinds: []Kind{Differ}},
	{name: "lost chain", do: func(_ testing.TB, m *image) {
		m.b[markAt] |= dirtyMark
		c := m.vacant(3)
		m.put(c[0], c[1])
		m.put(c[1], c[2])
		m.put(c[2], last)
	}, kinds: []Kind{Dirty, Lost, FreeCount}},
	{name: "lost chain without an end", do: func(_ testing.TB, m *image) {
		c := m.vacant(3)
		m.put(c[0], c[1])
		m.put(c[1], c[2])
	}, kinds: []Kind{Lost, FreeCount}},
	{name: "lost loop", do: func(_ testing.TB, m *image) {
		c := m.vacant(2)
		m.put(c[0], c[1])
		m.put(c[1], c[0])
	}, kinds: []Kind{Lost, FreeCount}},
	{name: "lost chain into a file", do: func(t testing.TB, m *image) {
		m.put(m.vacant(1)[0], m.start(t, vmlinuz))
	}, kinds: []Kind{Lost, FreeCount}},
	{name: "chain longer than its file", do: func(t testing.TB, m *image) {
		c := m.vacant(2)
		chain := m.chain(t, vmlinuz)
		m.put(chain[len(chain)-1], c[0])
		m.put(c[0], c[1])
		m.put(c[1], last)
	}, kinds: []Kind{Tail, Lost, FreeCount}},
	{name: "tail into another file", do: func(t testing.TB, m *image) {
		m.put(m.start(t, one), m.start(t, vmlinuz))
	}, kinds: []Kind{Tail}},
	{name: "tail out of range", do: func(t testing.TB, m *image) { m.put(m.start(t, one), m.v.count+7) }, kinds: []Kind{Tail}},
	{name: "last cluster not marked", do: func(t testing.TB, m *image) { m.put(m.start(t, one), free) }, kinds: []Kind{Open, FreeCount}},
	{name: "chain of an empty file", do: func(t testing.TB, m *image) {
		c := m.vacant(1)[0]
		m.put(c, last)
		binary.LittleEndian.PutUint16(m.b[m.entry(t, empty)+26:], uint16(c))
	}, kinds: []Kind{Empty, Lost, FreeCount}},
	{name: "folder whose table was not written", do: func(t testing.TB, m *image) { m.put(m.start(t, slotB), free) }, kinds: []Kind{Open, FreeCount}},
	{name: "folder's end not marked", do: func(t testing.TB, m *image) {
		chain := m.chain(t, "OVERLAYS   ")
		if len(chain) < 3 {
			t.Fatal("the folder is too small for this test")
		}
		m.put(chain[len(chain)-1], free)
	}, kinds: []Kind{Open, FreeCount}},
	{name: "folder into what is none", do: func(t testing.TB, m *image) {
		c, chain := m.vacant(1)[0], m.chain(t, "OVERLAYS   ")
		m.put(chain[len(chain)-1], c)
		copy(m.b[m.v.at(c):], bytes.Repeat([]byte{0xa5}, int(m.v.cluster)))
	}, kinds: []Kind{Open}},
	{name: "wrong count", do: func(_ testing.TB, m *image) { m.b[m.v.info+488] ^= 0x40 }, kinds: []Kind{FreeCount}},
	{name: "everything at once", do: func(t testing.TB, m *image) {
		m.b[markAt] |= dirtyMark
		m.put(1, 0x07ffffff)
		c := m.vacant(200)
		for _, c := range c[2:] {
			m.put(c, last)
		}
		chain := m.chain(t, vmlinuz)
		m.put(chain[len(chain)-1], c[0])
		m.put(c[0], last)
		m.put(m.start(t, one), free)
		m.put(c[1], last)
		binary.LittleEndian.PutUint16(m.b[m.entry(t, empty)+26:], uint16(c[1]))
		clear(m.b[m.v.tables[1]+1024:][:512])
		m.b[m.v.info+488] ^= 0x40
	}, kinds: []Kind{Dirty, Differ, Open, Tail, Empty, Lost, FreeCount}},
}

// kinds are the kinds of faults.
func kinds(faults []Fault) (all []Kind) {
	for _, f := range faults {
		all = append(all, f.Kind)
	}
	return all
}

func sameKinds(a, b []Kind) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// usual is the least that mtools takes for FAT32, and real what the image has.
const (
	usual = 36 << 20
	real  = 128 << 20
)

// What mkfs.fat and mtools make is without a fault, on the size of the real
// thing as well, and Mend writes nothing.
func TestSound(t *testing.T) {
	for _, size := range []int64{usual, real} {
		m := made(t, size)
		m.sound(t)
		before := sha256.Sum256(m.b)
		for _, do := range []func() (Report, error){
			func() (Report, error) { return Check(m, size) },
			func() (Report, error) { return Mend(&cut{Device: m}, size) },
		} {
			if r, err := do(); err != nil || !r.Clean() {
				t.Errorf("%d MiB: %v, %v", size>>20, r, err)
			}
		}
		if dirty, err := Unclean(m, size); dirty || err != nil {
			t.Errorf("%d MiB: unclean is %v, %v", size>>20, dirty, err)
		}
		if sha256.Sum256(m.b) != before {
			t.Errorf("%d MiB: something was written", size>>20)
		}
	}
}

// fsck.fat finds every damage, Check names it, Mend mends it, fsck.fat finds
// nothing, every file is there, and a second Mend does not write.
func TestMend(t *testing.T) {
	fresh := made(t, usual)
	for _, d := range mendable {
		t.Run(d.name, func(t *testing.T) {
			m := fresh.clone()
			d.do(t, m)
			if out, err := exec.Command("fsck.fat", "-n", m.save(t)).CombinedOutput(); err == nil {
				t.Errorf("fsck.fat does not see the damage: %s", out)
			}
			r, err := Check(m, m.size())
			if err != nil || !sameKinds(kinds(r.Faults), d.kinds) || len(r.Left()) > 0 {
				t.Errorf("Check finds %v (%v), %v", r, kinds(r.Faults), err)
			}
			if r, err = Mend(m, m.size()); err != nil || r.Grave {
				t.Fatalf("Mend: %v, %v", r, err)
			}
			m.sound(t)
			if r, err = Mend(&cut{Device: m}, m.size()); err != nil || !r.Clean() {
				t.Errorf("after Mend: %v, %v", r, err)
			}
		})
	}
}

var errCut = errors.New("the power is gone")

// cut lets so many writes through.
type cut struct {
	Device
	writes int
	synced int // writes that were synced
	done   int
	each   func(off int64, n int)
}

func (c *cut) WriteAt(p []byte, off int64) (int, error) {
	if c.done == c.writes {
		return 0, errCut
	}
	c.done++
	if c.each != nil {
		c.each(off, len(p))
	}
	return c.Device.WriteAt(p, off)
}

func (c *cut) Sync() error {
	c.synced = c.done
	return nil
}

// overlay keeps the sectors that were written, and leaves what is below alone.
type overlay struct {
	base *image
	over map[int64][]byte
}

func (o *overlay) size() int64 { return o.base.size() }
func (o *overlay) Sync() error { return nil }

func (o *overlay) WriteAt(p []byte, off int64) (int, error) {
	o.over[off] = bytes.Clone(p)
	return len(p), nil
}

func (o *overlay) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.base.ReadAt(p, off)
	for at, b := range o.over {
		if from, to := max(at, off), min(at+int64(len(b)), off+int64(n)); from < to {
			copy(p[from-off:to-off], b[from-at:])
		}
	}
	return n, err
}

// equals compares what was written here or there.
func (o *overlay) equals(whole []byte) bool {
	for at := 0; at < len(whole); at += 512 {
		is, written := o.over[int64(at)]
		if !written {
			is = o.base.b[at : at+512]
		}
		if !bytes.Equal(is, whole[at:at+512]) {
			return false
		}
	}
	return true
}

// A cut at every single write of Mend leaves what the next Mend mends, and it
// is tried: the file system is still unclean.
func TestCutWhileMending(t *testing.T) {
	fresh := made(t, usual)
	for _, d := range mendable {
		t.Run(d.name, func(t *testing.T) {
			damaged := fresh.clone()
			d.do(t, damaged)
			whole := damaged.clone()
			all := &cut{Device: whole, writes: 1 << 20}
			if _, err := Mend(all, whole.size()); err != nil {
				t.Fatal(err)
			}
			if all.done == 0 || all.synced != all.done {
				t.Fatalf("%d writes, %d of them synced", all.done, all.synced)
			}
			before, err := Unclean(damaged, damaged.size())
			if err != nil {
				t.Fatal(err)
			}
			for n := range all.done {
				m := &overlay{base: damaged, over: map[int64][]byte{}}
				if _, err := Mend(&cut{Device: m, writes: n}, m.size()); !errors.Is(err, errCut) {
					t.Fatalf("cut after %d writes of %d: %v", n, all.done, err)
				}
				if now, err := Unclean(m, m.size()); err != nil || before && !now {
					t.Errorf("cut after %d writes of %d: it would not be mended at the next start (%v)", n, all.done, err)
				}
				if r, err := Mend(m, m.size()); err != nil || r.Grave {
					t.Fatalf("cut after %d writes of %d, and then: %v, %v", n, all.done, r, err)
				}
				if !m.equals(whole.b) {
					t.Errorf("cut after %d writes of %d: the end is another one", n, all.done)
				}
			}
		})
	}
}

// Each step is on the medium before the next begins, and the marks are the last.
func TestOrder(t *testing.T) {
	m := made(t, usual)
	mendable[len(mendable)-1].do(t, m)
	m.b[m.v.backup+markAt] |= dirtyMark
	step := func(off int64) string {
		switch {
		case off == 0:
			return "mark"
		case off == m.v.info:
			return "count"
		case off == m.v.backup:
			return "second mark"
		case off < m.v.tables[1]:
			return "first table"
		case off < m.v.data:
			return "second table"
		}
		return "names"
	}
	var steps []string
	c := &cut{Device: m, writes: 1 << 20}
	c.each = func(off int64, n int) {
		if n != int(m.v.sector) || off%m.v.sector != 0 {
			t.Errorf("%d bytes at %d are no sector", n, off)
		}
		now := step(off)
		if len(steps) > 0 && now == steps[len(steps)-1] {
			return
		}
		if c.synced != c.done-1 {
			t.Errorf("%s: %d writes before it are not on the medium", now, c.done-1-c.synced)
		}
		steps = append(steps, now)
	}
	if _, err := Mend(c, m.size()); err != nil {
		t.Fatal(err)
	}
	want := []string{"names", "first table", "second table", "count", "first table", "second table", "second mark", "mark"}
	if !slices.Equal(steps, want) {
		t.Errorf("the order is %q, want %q", steps, want)
	}
}

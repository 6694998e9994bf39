package gpt

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const mib = 1 << 20

// flashed is an image of 64 MiB written to a disk of size bytes, made by sgdisk.
func flashed(t *testing.T, size int64, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	truncate(t, path, 64*mib)
	if args == nil {
		args = []string{"-n1:2048:+8M", "-c1:boot", "-t1:ef00", "-n2:0:+8M", "-c2:root-a", "-n3:0:+8M", "-c3:root-b", "-n4:0:0", "-c4:perm"}
	}
	sgdisk(t, append(args, path)...)
	truncate(t, path, size)
	return path
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func sgdisk(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("/usr/sbin/sgdisk", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("sgdisk %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func open(t *testing.T, path string) (*os.File, int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return f, st.Size()
}

// The last partition reaches the end, the others are untouched, and sgdisk, who
// made the table, finds nothing wrong with it.
func TestGrow(t *testing.T) {
	for _, size := range []int64{96 * mib, 1 << 30, 16<<30 + 512*77, 128 << 30} {
		path := flashed(t, size)
		f, size := open(t, path)
		before, err := Read(f)
		if err != nil {
			t.Fatal(err)
		}
		g, err := Plan(f, size, 4)
		if err != nil {
			t.Fatal(err)
		}
		if err := Apply(f, g.Writes); err != nil {
			t.Fatal(err)
		}
		after, err := Read(f)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range after.Partitions() {
			old := before.Partitions()[i]
			if i == 3 {
				if rest := uint64(size) - (p.Last+1)*Sector; rest > 2*mib || p != g.Partition {
					t.Errorf("%d: partition 4 ends %d bytes before the disk's end: %+v, announced %+v", size, rest, p, g.Partition)
				}
				p.Last = old.Last
			}
			if p != old {
				t.Errorf("partition changed from %+v to %+v", old, p)
			}
		}
		if out := sgdisk(t, "-v", path); !strings.Contains(out, "No problems found") {
			t.Errorf("sgdisk -v says:\n%s", out)
		}
		again, err := Plan(f, size, 4)
		if err != nil || len(again.Writes) != 0 {
			t.Errorf("a second time wants to write %d times, %v", len(again.Writes), err)
		}
	}
}

// mirror is a disk in memory that keeps what was on it, by sector.
type mirror struct {
	file io.ReaderAt
	over map[int64][]byte
}

func (m mirror) ReadAt(p []byte, off int64) (int, error) {
	if _, err := m.file.ReadAt(p, off); err != nil {
		return 0, err
	}
	for i := int64(0); i < int64(len(p)); i += Sector {
		if s, ok := m.over[(off+i)/Sector]; ok {
			copy(p[i:], s)
		}
	}
	return len(p), nil
}

func (m mirror) sector(w Write, i int) {
	m.over[w.Offset/Sector+int64(i)] = w.Data[i*Sector : (i+1)*Sector]
}

// The power goes after any number of sectors, written in any order inside a
// step: what Linux reads at the start (the first copy alone) is valid, has the
// old partitions or the new, and the next start finishes the work.
func TestPowerCut(t *testing.T) {
	f, size := open(t, flashed(t, 1<<30))
	g, err := Plan(f, size, 4)
	if err != nil {
		t.Fatal(err)
	}
	old, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	cuts := 0
	for step := range g.Writes {
		sectors := len(g.Writes[step].Data) / Sector
		for n := 0; n <= sectors; n++ {
			m := mirror{file: f, over: map[int64][]byte{}}
			for _, w := range g.Writes[:step] {
				for i := range len(w.Data) / Sector {
					m.sector(w, i)
				}
			}
			for _, i := range rnd.Perm(sectors)[:n] {
				m.sector(g.Writes[step], i)
			}
			cuts++
			now, err := Read(m)
			if err != nil {
				t.Fatalf("cut in step %q after %d sectors: %v", g.Writes[step].Why, n, err)
			}
			last := now.Partitions()[3]
			if last != g.Partition && last != old.Partitions()[3] {
				t.Fatalf("cut in step %q: partition 4 is %+v", g.Writes[step].Why, last)
			}
			rest, err := Plan(m, size, 4)
			if err != nil {
				t.Fatalf("cut in step %q after %d sectors, next start: %v", g.Writes[step].Why, n, err)
			}
			for _, w := range rest.Writes {
				for i := range len(w.Data) / Sector {
					m.sector(w, i)
				}
			}
			done, err := Read(m)
			if err != nil || done.Partitions()[3] != g.Partition || done.header.Entries != 2 {
				t.Fatalf("cut in step %q after %d sectors, next start leaves %+v, %v", g.Writes[step].Why, n, done.header, err)
			}
			if second, err := read(m, uint64(size/Sector)-1); err != nil || !bytes.Equal(second.entries, done.entries) {
				t.Fatalf("cut in step %q after %d sectors: the backup is not its equal: %v", g.Writes[step].Why, n, err)
			}
		}
	}
	if cuts < 100 {
		t.Errorf("only %d cuts were tried", cuts)
	}
}

// Whatever does not look like our image on a larger disk is left alone.
func TestRefuses(t *testing.T) {
	flip := func(off int64) func(*testing.T, *os.File) {
		return func(t *testing.T, f *os.File) {
			b := make([]byte, 1)
			if _, err := f.ReadAt(b, off); err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte{b[0] ^ 1}, off); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		name string
		args []string
		harm func(*testing.T, *os.File)
		want string
	}{
		{"header", nil, flip(512 + 40), "header does not match"},
		{"entries", nil, flip(1024 + 56), "entries do not match"},
		{"backup", nil, flip(64*mib - 512 + 40), "backup"},
		{"no table", nil, flip(512), "not a partition table"},
		{"other order", []string{"-n4:2048:+8M", "-n1:0:+8M"}, nil, "behind"},
		{"fifth partition", []string{"-n4:2048:+8M", "-n5:0:+8M"}, nil, "behind"},
		{"no gap", []string{"-a1", "-n1:40:+4M", "-n4:0:0"}, nil, "no room"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, size := open(t, flashed(t, 1<<30, c.args...))
			if c.harm != nil {
				c.harm(t, f)
			}
			g, err := Plan(f, size, 4)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(g.Writes) != 0 {
				t.Errorf("got %d writes and %v, want an error with %q", len(g.Writes), err, c.want)
			}
		})
	}
}

// A hybrid MBR, by which a Raspberry Pi finds its FAT, stays as it is.
func TestHybridStays(t *testing.T) {
	path := flashed(t, 1<<30)
	sgdisk(t, "-h1:EE", path)
	f, size := open(t, path)
	before := make([]byte, Sector)
	if _, err := f.ReadAt(before, 0); err != nil {
		t.Fatal(err)
	}
	g, err := Plan(f, size, 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := Apply(f, g.Writes); err != nil {
		t.Fatal(err)
	}
	after := make([]byte, Sector)
	if _, err := f.ReadAt(after, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the hybrid MBR was changed")
	}
	if got := binary.LittleEndian.Uint16(after[510:]); got != 0xaa55 {
		t.Errorf("the MBR ends in %x", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(bytes.Repeat([]byte{0}, 64*Sector))
	h := header{Revision: 0x10000, Size: headerSize, My: 1, Alternate: 63, Entries: 2, Count: entryCount, EntrySize: entrySize}
	copy(h.Signature[:], signature)
	f.Add(append(append(make([]byte, Sector), h.sealed()...), make([]byte, 62*Sector)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := Plan(bytes.NewReader(b), int64(len(b)), 4)
		if err != nil && len(g.Writes) > 0 {
			t.Error("an error and a plan")
		}
		for _, w := range g.Writes {
			if w.Offset < 0 || w.Offset+int64(len(w.Data)) > int64(len(b)) {
				t.Errorf("%s would be written outside the disk", w.Why)
			}
		}
	})
}

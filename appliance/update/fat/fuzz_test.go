package fat

import (
	"encoding/binary"
	"testing"
)

// tiny is a FAT32 of 60 clusters: a folder with a file, an empty file and a
// lost chain.
func tiny() []byte {
	const clusters = 60
	b := make([]byte, (3+2+clusters)*512)
	copy(b, "\xeb\x58\x90mkfs.fat")
	for at, v := range map[int]uint16{11: 512, 14: 3, 48: 1, 50: 2, 510: 0xaa55} {
		binary.LittleEndian.PutUint16(b[at:], v)
	}
	b[13], b[16], b[21], b[44], b[65], b[66] = 1, 2, 0xf8, 2, 1, 0x29
	binary.LittleEndian.PutUint32(b[32:], uint32(len(b)/512))
	binary.LittleEndian.PutUint32(b[36:], 1)
	copy(b[71:], "NO NAME    FAT32   ")
	copy(b[1024:], b[:512])
	copy(b[512:], "RRaA")
	copy(b[512+484:], "rrAa\x10")
	binary.LittleEndian.PutUint32(b[512+508:], 0xaa550000)
	for _, table := range []int{3 * 512, 4 * 512} {
		for c, v := range []uint32{0x0ffffff8, last, last, last, 5, last, 7, last} {
			binary.LittleEndian.PutUint32(b[table+4*c:], v)
		}
	}
	put := func(cluster, i int, name string, attr byte, start uint16, size uint32) {
		n := b[(5+cluster-2)*512+i*nameSize:]
		copy(n, name)
		n[11] = attr
		binary.LittleEndian.PutUint16(n[26:], start)
		binary.LittleEndian.PutUint32(n[28:], size)
	}
	put(2, 0, "A          ", isFolder, 3, 0)
	put(3, 0, dot, isFolder, 3, 0)
	put(3, 1, dotDot, isFolder, 0, 0)
	put(3, 2, vmlinuz, 0x20, 4, 700)
	put(3, 3, empty, 0x20, 7, 0)
	return b
}

// scribble is how much of tiny anybody looks at: everything but files.
const scribble = 7 * 512

// FuzzMend: whatever the image says, both end, Mend does what Check promised,
// and there is nothing more to do the second time. Of the clusters only names
// change. The input is what to write where: two bytes of place, one of content.
func FuzzMend(f *testing.F) {
	f.Add([]byte{})
	for _, at := range []uint16{11, 13, 14, 36, 44, 3*512 + 12, 3*512 + 16, 3*512 + 20, 5*512 + 26, 6*512 + 64 + 26, 6*512 + 96 + 20} {
		for _, v := range []byte{0, 3, 4, 6, 0xff} {
			f.Add(append(binary.LittleEndian.AppendUint16(nil, at), v))
		}
	}
	f.Fuzz(func(t *testing.T, edits []byte) {
		m := &image{b: tiny()}
		for ; len(edits) >= 3; edits = edits[3:] {
			m.b[int(binary.LittleEndian.Uint16(edits))%scribble] = edits[2]
		}
		before := m.clone()
		found, err := Check(m, m.size())
		if _, e := Unclean(m, m.size()); e != nil && err == nil {
			t.Errorf("Check reads it and Unclean does not: %v", e)
		}
		if string(before.b) != string(m.b) {
			t.Fatal("Check has written")
		}
		if err != nil {
			if _, err := Mend(&cut{Device: m}, m.size()); err == nil {
				t.Fatal("Check refuses it and Mend does not")
			}
			return
		}
		r, err := Mend(m, m.size())
		if err != nil || r.String() != found.String() {
			t.Fatalf("Check found %v, Mend %v, %v", found, r, err)
		}
		again, err := Mend(&cut{Device: m}, m.size())
		if err != nil || again.Grave != r.Grave {
			t.Fatalf("first %v, then %v, %v", r, again, err)
		}
		for _, f := range again.Faults {
			if !r.Grave && f.Kind.Mendable() {
				t.Errorf("first %v, and %v is still there", r, f)
			}
		}
		v, _, err := readVolume(m, m.size())
		if err != nil {
			t.Fatal(err)
		}
		for at := v.data; at < m.size(); at++ {
			if in := (at - v.data) % nameSize; m.b[at] != before.b[at] && (m.b[at] != 0 || in != 20 && in != 21 && in != 26 && in != 27) {
				t.Fatalf("the byte at %d of the data is another one", at)
			}
		}
	})
}

// The seed is what it should be, or the fuzzing would end at the first "no".
func TestTiny(t *testing.T) {
	m := &image{b: tiny()}
	r, err := Mend(m, m.size())
	if err != nil || !sameKinds(kinds(r.Faults), []Kind{Dirty, Lost, Empty, FreeCount}) {
		t.Fatalf("%v, %v", r, err)
	}
	tool(t, "fsck.fat", "-n", m.save(t))
}

package build

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/diskfs/go-diskfs"
	"github.com/diskfs/go-diskfs/filesystem"
	"github.com/diskfs/go-diskfs/partition/gpt"
	"golang.org/x/sys/unix"

	"stairgate/appliance/update/slots"
)

// boardTree is a boot partition as a board has it, with files of a few bytes.
func boardTree(t *testing.T, board slots.Board, id string) tree {
	t.Helper()
	kernel, firmware := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(kernel, "overlays"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vmlinuz", "bcm2711-rpi-4-b.dtb", "bcm2712-rpi-5-b.dtb", "bcm2837-rpi-3-b.dtb", "overlays/disable-wifi.dtbo"} {
		write(t, filepath.Join(kernel, name), "content of "+name)
	}
	for _, name := range []string{"bootcode.bin", "start4.elf", "fixup4.dat"} {
		write(t, filepath.Join(firmware, name), "content of "+name)
	}
	slot, err := slotFiles(board, kernel, "")
	if err != nil {
		t.Fatal(err)
	}
	entry, err := slots.Initial(board, id, "0.4.0", "stairgate.deadline=1m")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := bootFiles(board, firmware, entry, slot)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// makeDisk makes a disk of a board and returns its name and the root's content.
func makeDisk(t *testing.T, board slots.Board, ids GUIDs) (name string, content []byte) {
	t.Helper()
	dir := t.TempDir()
	boot, name := filepath.Join(dir, "boot"), filepath.Join(dir, "disk")
	err := fat(t.Context(), boardTree(t, board, ids.Boot.String()), dir, boot, BootSize, binary.BigEndian.Uint32(ids.Boot[:4]), at)
	if err != nil {
		t.Fatal(err)
	}
	content = append(bytes.Repeat([]byte{0}, 200_000), "a root of no whole number of blocks"...)
	if err := disk(name, board, ids, boot, write(t, filepath.Join(dir, "root"), string(content))); err != nil {
		t.Fatal(err)
	}
	return name, content
}

func read(t *testing.T, fsys filesystem.FileSystem, name string) string {
	t.Helper()
	f, err := fsys.OpenFile("/"+name, os.O_RDONLY)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(text)
}

func TestDiskIsReadBackByOthers(t *testing.T) {
	for _, board := range []slots.Board{slots.AMD64, slots.RPi} {
		t.Run(string(board), func(t *testing.T) {
			ids := derived(board)
			name, content := makeDisk(t, board, ids)
			if said := run(t, "sgdisk", "-v", name); !strings.Contains(said, "No problems found") {
				t.Error(said)
			}
			d, err := diskfs.Open(name, diskfs.WithOpenMode(diskfs.ReadOnly))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = d.Close() }()
			table, err := d.GetPartitionTable()
			if err != nil {
				t.Fatal(err)
			}
			parts := table.(*gpt.Table).Partitions
			var got []string
			for _, p := range parts {
				if p.Type != gpt.Unused {
					got = append(got, p.Name+" "+strings.ToLower(p.GUID))
				}
			}
			want := []string{"boot " + ids.Boot.String(), "root-a " + ids.RootA.String(), "root-b " + ids.RootB.String(), "perm " + ids.Perm.String()}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if !bytes.Equal(piece(t, name, parts[1].Start, len(content)), content) {
				t.Error("slot a's root is not what was put there")
			}
			for _, p := range written(t, name) {
				if from, to := int64(parts[2].Start)*sector, int64(parts[3].End+1)*sector; p.start < to && p.start+p.size > from {
					t.Errorf("slot b and perm are to be blank; %d bytes at %d are not", p.size, p.start)
				}
			}
			boot := filepath.Join(t.TempDir(), "boot")
			write(t, boot, string(piece(t, name, parts[0].Start, BootSize)))
			run(t, "fsck.fat", "-n", boot)
			checkBoot(t, board, ids, boot)
			checkMBR(t, board, piece(t, name, 0, sector)[446:])
		})
	}
}

func checkBoot(t *testing.T, board slots.Board, ids GUIDs, boot string) {
	t.Helper()
	d, err := diskfs.Open(boot, diskfs.WithOpenMode(diskfs.ReadOnly))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	fsys, err := d.GetFilesystem(0)
	if err != nil {
		t.Fatal(err)
	}
	options := slots.Options(board, ids.Boot.String(), slots.A, "stairgate.deadline=1m")
	if board == slots.AMD64 {
		if got := read(t, fsys, "loader/entries/a.conf"); !strings.Contains(got, "options "+options+"\n") || !strings.Contains(got, "linux /a/vmlinuz\n") {
			t.Errorf("the first entry is\n%s", got)
		}
		if got := read(t, fsys, "a/vmlinuz"); got != "content of vmlinuz" {
			t.Errorf("the kernel is %q", got)
		}
		if got := read(t, fsys, "EFI/BOOT/BOOTX64.EFI"); !strings.HasPrefix(got, "MZ") {
			t.Error("the loader is no EFI program")
		}
		return
	}
	if got := read(t, fsys, "config.txt"); !strings.Contains(got, "os_prefix=a/\n") {
		t.Errorf("config.txt is\n%s", got)
	}
	if got := read(t, fsys, "a/cmdline.txt"); got != options+"\n" {
		t.Errorf("the command line is %q", got)
	}
	unpacked, err := gzip.NewReader(strings.NewReader(read(t, fsys, "a/vmlinuz")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(unpacked); err != nil || string(got) != "content of vmlinuz" {
		t.Errorf("the kernel is %q, %v", got, err)
	}
	for _, name := range []string{"bootcode.bin", "start4.elf", "fixup4.dat", "a/bcm2711-rpi-4-b.dtb", "a/bcm2712-rpi-5-b.dtb", "a/overlays/disable-wifi.dtbo"} {
		if got := read(t, fsys, name); !strings.HasPrefix(got, "content of ") {
			t.Errorf("%s holds %q", name, got)
		}
	}
	read(t, fsys, "a/overlays/README") // without it the firmware ignores the slot's overlays
	read(t, fsys, "tryboot.txt")
	if _, err := fsys.OpenFile("/a/bcm2837-rpi-3-b.dtb", os.O_RDONLY); err == nil {
		t.Error("there are device trees of boards the image is not for")
	}
}

// checkMBR holds the first sector against what each firmware expects.
func checkMBR(t *testing.T, board slots.Board, b []byte) {
	t.Helper()
	start := func(n int) uint32 { return binary.LittleEndian.Uint32(b[n*16+8:]) }
	count := func(n int) uint32 { return binary.LittleEndian.Uint32(b[n*16+12:]) }
	if board == slots.AMD64 {
		if b[4] != 0xee || start(0) != 1 || b[16+4] != 0 {
			t.Errorf("the protective entry is % x", b[:32])
		}
		return
	}
	if b[4] != 0x0c || start(0) != 2048 || count(0) != BootSize/sector {
		t.Errorf("older firmware does not find the boot partition: % x", b[:16])
	}
	if b[16+4] != 0xee || start(1) != 1 || count(1) != 2047 {
		t.Errorf("the kernel does not take this for GPT: % x", b[16:32])
	}
	if b[64] != 0x55 || b[65] != 0xaa {
		t.Error("the first sector is not marked as a boot record")
	}
}

// Every time in the boot partition is the one given, whatever the clock and the zone.
func TestBootPartitionCarriesOneTime(t *testing.T) {
	t.Setenv("TZ", "Asia/Tokyo")
	dir := t.TempDir()
	boot := filepath.Join(dir, "boot")
	if err := fat(t.Context(), boardTree(t, slots.RPi, "x"), dir, boot, BootSize, 7, at); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(boot)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	reserved, tables, length := int(le.Uint16(raw[14:])), int(raw[16]), int(le.Uint32(raw[36:]))
	first := (reserved + tables*length) * sector
	day := uint16(at.Year()-1980)<<9 | uint16(at.Month())<<5 | uint16(at.Day())
	second := uint16(at.Hour())<<11 | uint16(at.Minute())<<5 | uint16(at.Second()/2)
	seen := 0
	for e := raw[first : first+2*sector]; len(e) > 0; e = e[32:] {
		if e[0] == 0 || e[11] == 0x0f || e[11]&0x08 != 0 { // end, part of a long name, label
			continue
		}
		seen++
		written, created := e[22:26], e[14:18]
		if le.Uint16(written) != second || le.Uint16(written[2:]) != day {
			t.Errorf("%s was written at % x", e[:11], written)
		}
		if le.Uint16(created[2:]) != day && le.Uint16(created[2:]) != 0 {
			t.Errorf("%s was created at % x", e[:11], created)
		}
	}
	if seen < 5 {
		t.Errorf("looked at %d entries only", seen)
	}
}

func TestSameDiskSameBytes(t *testing.T) {
	for _, board := range []slots.Board{slots.AMD64, slots.RPi} {
		var disks [][]byte
		for range 2 {
			name, _ := makeDisk(t, board, derived(board))
			var all []byte
			for _, p := range written(t, name) {
				all = fmt.Append(all, p.start, p.size)
				all = append(all, piece(t, name, uint64(p.start/sector), int(p.size))...)
			}
			disks = append(disks, all)
		}
		if len(disks[0]) < 100_000 || !bytes.Equal(disks[0], disks[1]) {
			t.Errorf("%s: two disks from the same parts differ", board)
		}
	}
}

// piece reads n bytes from a sector on.
func piece(t *testing.T, name string, from uint64, n int) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, n)
	if _, err := f.ReadAt(b, int64(from)*sector); err != nil {
		t.Fatal(err)
	}
	return b
}

// written are the parts of a file that are no holes.
func written(t *testing.T, name string) []partition {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var found []partition
	for end := int64(0); ; {
		start, err := f.Seek(end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return found
		}
		if err == nil {
			end, err = f.Seek(start, unix.SEEK_HOLE)
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, partition{start: start, size: end - start})
	}
}

func TestIdentifiers(t *testing.T) {
	// Written down: a disk that was flashed once has it, and an update's kernel looks
	// for its root by it.
	if got := derived(slots.AMD64).Boot.String(); got != "a2b74b14-f36b-505c-806c-10781c739900" {
		t.Errorf("the boot partition of amd64 is %s now", got)
	}
	if a, b := derived(slots.AMD64), derived(slots.RPi); a.Boot == b.Boot || a.Boot == a.Disk || a.RootA == a.RootB {
		t.Error("derived identifiers are not told apart")
	}
	if a, b := random(), random(); a.Boot == b.Boot || a.Disk == b.Disk {
		t.Error("drawn identifiers repeat")
	}
}

func TestWhatDoesNotFitIsSaid(t *testing.T) {
	dir := t.TempDir()
	large := write(t, filepath.Join(dir, "large"), "")
	if err := os.Truncate(large, RootSize+1); err != nil {
		t.Fatal(err)
	}
	small := write(t, filepath.Join(dir, "small"), "x")
	err := disk(filepath.Join(dir, "disk"), slots.AMD64, derived(slots.AMD64), small, large)
	if want := "root-a does not fit its 256 MiB: it needs 256.1 MiB"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want a sentence with %q", err, want)
	}
	slot := tree{}
	slot.file("vmlinuz", large, 0o644)
	if err := os.Truncate(large, 42*mib); err != nil {
		t.Fatal(err)
	}
	if err := bootFits(slot, slot); err != nil {
		t.Errorf("three times 42 MiB do not fit: %v", err)
	}
	if err := os.Truncate(large, 43*mib); err != nil {
		t.Fatal(err)
	}
	if err := bootFits(slot, slot); err == nil || !strings.Contains(err.Error(), "the boot partition does not fit its 128 MiB") {
		t.Errorf("three times 43 MiB fit: %v", err)
	}
}

func TestWhatABoardLacksIsSaid(t *testing.T) {
	if _, err := slotFiles(slots.RPi, t.TempDir(), write(t, filepath.Join(t.TempDir(), "k"), "x")); err == nil || !strings.Contains(err.Error(), "is it a Raspberry Pi kernel?") {
		t.Errorf("a kernel without device trees: %v", err)
	}
	if _, err := bootFiles(slots.RPi, t.TempDir(), nil, tree{}); err == nil || !strings.Contains(err.Error(), "has no bootcode.bin") {
		t.Errorf("firmware without files: %v", err)
	}
	if _, err := slotFiles(slots.RPi, t.TempDir(), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no kernel: %v", err)
	}
	if megabytes(1) != "0.1 MiB" || megabytes(RootSize) != "256.0 MiB" {
		t.Errorf("sizes for people: %s, %s", megabytes(1), megabytes(RootSize))
	}
}

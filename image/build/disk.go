package build

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/google/uuid"

	"stairgate/appliance/update/slots"
)

const (
	mib    = 1 << 20
	sector = 512

	// BootSize, RootSize and PermSize are the partitions' sizes. The last one is only
	// what an image carries: the first start grows it to the end of the disk.
	BootSize = 128 * mib
	RootSize = 256 * mib
	PermSize = 64 * mib
)

// GUIDs tell this disk from others. The root is found by Boot.
type GUIDs struct {
	Disk, Boot, RootA, RootB, Perm uuid.UUID
}

// derived are the same for every build of a board: two disks flashed from one file
// must not be in one machine.
func derived(board slots.Board) GUIDs {
	id := func(what string) uuid.UUID {
		return uuid.NewSHA1(uuid.NameSpaceURL, []byte("stairgate/"+string(board)+"/"+what))
	}
	return GUIDs{id("disk"), id("boot"), id("root-a"), id("root-b"), id("perm")}
}

func random() GUIDs {
	return GUIDs{uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()}
}

// partition is one of the four, in bytes.
type partition struct {
	name        string
	kind        gpt.Type
	guid        uuid.UUID
	start, size int64
}

// layout is the disk of a board and its size.
func layout(board slots.Board, ids GUIDs) ([]partition, int64) {
	boot := gpt.EFISystemPartition
	if board == slots.RPi {
		boot = gpt.MicrosoftBasicData // what the firmware expects beside a type 0x0c
	}
	parts := []partition{
		{"boot", boot, ids.Boot, 0, BootSize},
		{"root-a", gpt.LinuxFilesystem, ids.RootA, 0, RootSize},
		{"root-b", gpt.LinuxFilesystem, ids.RootB, 0, RootSize},
		{"perm", gpt.LinuxFilesystem, ids.Perm, 0, PermSize},
	}
	at := int64(mib)
	for i := range parts {
		parts[i].start = at
		at += parts[i].size
	}
	return parts, at + mib
}

// disk writes an image: partition table, boot partition and the first root. What
// holds nothing is not written, so the file takes little room.
func disk(out string, board slots.Board, ids GUIDs, boot, root string) (err error) {
	f, err := os.OpenFile(out, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	parts, size := layout(board, ids)
	if err := f.Truncate(size); err != nil {
		return err
	}
	table := &gpt.Table{GUID: ids.Disk.String(), ProtectiveMBR: board != slots.RPi, LogicalSectorSize: sector, PhysicalSectorSize: sector}
	for i, p := range parts {
		table.Partitions = append(table.Partitions, &gpt.Partition{
			Index: i + 1, Start: uint64(p.start / sector), End: uint64((p.start+p.size)/sector - 1), Size: uint64(p.size),
			Type: p.kind, Name: p.name, GUID: p.guid.String(),
		})
	}
	if err := table.Write(f, size); err != nil {
		return fmt.Errorf("writing the partition table: %w", err)
	}
	if board == slots.RPi {
		if err := hybrid(f, parts[0]); err != nil {
			return fmt.Errorf("writing the partition table for older Raspberry Pi firmware: %w", err)
		}
	}
	for i, from := range []string{boot, root} {
		if err := pour(f, parts[i], from); err != nil {
			return err
		}
	}
	return nil
}

// hybrid writes a master boot record that names the boot partition for firmware that
// does not read GPT, and guards the rest against programs that do not.
func hybrid(w io.WriterAt, boot partition) error {
	b := make([]byte, 66)
	first, count := uint32(boot.start/sector), uint32(boot.size/sector)
	entry := func(n int, kind byte, start, count uint32) {
		e := b[n*16:]
		copy(e[1:], []byte{0xfe, 0xff, 0xff, kind, 0xfe, 0xff, 0xff}) // "see the sector numbers"
		binary.LittleEndian.PutUint32(e[8:], start)
		binary.LittleEndian.PutUint32(e[12:], count)
	}
	entry(0, 0x0c, first, count)
	entry(1, 0xee, 1, first-1) // has to start at 1: the kernel takes it for GPT by that
	b[64], b[65] = 0x55, 0xaa
	_, err := w.WriteAt(b, 446)
	return err
}

// pour copies a file into its partition and leaves out what is zero anyway.
func pour(w io.WriterAt, p partition, from string) (err error) {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() > p.size {
		return tooLarge(p.name, info.Size(), p.size)
	}
	buf, zero := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := p.start; ; {
		n, err := io.ReadFull(f, buf)
		if n > 0 && !bytes.Equal(buf[:n], zero[:n]) {
			if _, err := w.WriteAt(buf[:n], at); err != nil {
				return fmt.Errorf("writing %s: %w", p.name, err)
			}
		}
		at += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", from, err)
		}
	}
}

func tooLarge(what string, need, room int64) error {
	return fmt.Errorf("%s does not fit its %d MiB: it needs %s; leave something out of the instance description", what, room/mib, megabytes(need))
}

// megabytes writes a size for people, rounded up, so that "needs" is never too little.
func megabytes(n int64) string {
	tenths := (n*10 + mib - 1) / mib
	return fmt.Sprintf("%d.%d MiB", tenths/10, tenths%10)
}

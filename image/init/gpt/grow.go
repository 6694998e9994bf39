package gpt

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// align is where partitions end: a whole mebibyte.
const align = 1 << 20 / Sector

// spare is where the entries stand while their usual place is rewritten: in the
// gap between the table and the first partition.
const spare = 2 + arraySectors

// least is how much must be gained for a table to be touched at all.
const least = 16 << 20 / Sector

// Write is one step of a change. Steps are carried out in order, each on the
// disk before the next.
type Write struct {
	Offset int64
	Data   []byte
	Why    string
}

// Grown is a change and what comes of it.
type Grown struct {
	Writes    []Write
	Partition Partition // as it will be
}

// Plan says what to write so that the partition reaches to the end of a disk of
// size bytes. No writes means that it does already. Whatever does not look like
// a disk written from our image is an error, and nothing is to be done.
func Plan(r io.ReaderAt, size int64, number int) (Grown, error) {
	none := Grown{}
	t, err := Read(r)
	if err != nil {
		return none, err
	}
	parts := t.Partitions()
	slices.SortFunc(parts, func(a, b Partition) int { return cmp.Compare(a.First, b.First) })
	sectors := uint64(size / Sector)
	if len(parts) == 0 || sectors < 2*spare {
		return none, fmt.Errorf("the disk has no partitions")
	}
	last := parts[len(parts)-1]
	if last.Number != number {
		return none, fmt.Errorf("partition %d lies behind partition %d, which therefore cannot grow", last.Number, number)
	}
	for i, p := range parts {
		if p.First > p.Last || p.Last >= sectors || i > 0 && p.First <= parts[i-1].Last {
			return none, fmt.Errorf("partition %d overlaps another, or the end of the disk", p.Number)
		}
	}
	end := sectors - 1 - arraySectors // the first sector of the backup's entries
	want := end/align*align - 1
	if want < last.Last+least && t.header.Entries == 2 {
		return Grown{Partition: last}, nil
	}
	if parts[0].First < spare+arraySectors {
		return none, fmt.Errorf("there is no room between the partition table and partition %d", parts[0].Number)
	}
	backup, err := read(r, t.header.Alternate)
	if err != nil {
		return none, fmt.Errorf("the backup of the partition table: %w", err)
	}
	if !bytes.Equal(backup.entries, t.entries) || backup.header.Disk != t.header.Disk {
		return none, fmt.Errorf("the partition table and its backup differ")
	}

	entries := bytes.Clone(t.entries)
	if want > last.Last {
		last.Last = want
	}
	binary.LittleEndian.PutUint64(entries[(number-1)*entrySize+40:], last.Last)
	h := t.header
	h.Alternate = sectors - 1
	h.LastUsable = end - 1
	h.EntriesCRC = crc32.ChecksumIEEE(entries)

	second := h
	second.My, second.Alternate, second.Entries = sectors-1, 1, end
	beside, usual := h, h
	beside.Entries, usual.Entries = spare, 2
	at := func(sector uint64, data []byte, why string) Write {
		return Write{Offset: int64(sector * Sector), Data: data, Why: why}
	}
	g := Grown{Partition: last}
	if h.Alternate != t.header.Alternate || t.header.Entries == 2 {
		g.Writes = append(g.Writes,
			at(end, entries, "the backup's entries, at the disk's end"),
			at(sectors-1, second.sealed(), "the backup's header"),
			at(spare, entries, "the entries, beside the ones in use"),
			at(1, beside.sealed(), "the header, for the entries beside"))
	}
	g.Writes = append(g.Writes,
		at(2, entries, "the entries, in their usual place"),
		at(1, usual.sealed(), "the header, for the usual place"))
	if w, ok := protective(r, sectors); ok {
		g.Writes = append(g.Writes, w)
	}
	return g, nil
}

// protective corrects the length in a plain protective MBR. A hybrid one, which
// the Raspberry Pi's loader reads, stays as the builder made it.
func protective(r io.ReaderAt, sectors uint64) (Write, bool) {
	b := make([]byte, Sector)
	if _, err := r.ReadAt(b, 0); err != nil || b[510] != 0x55 || b[511] != 0xaa {
		return Write{}, false
	}
	if b[446+4] != 0xee || !bytes.Equal(b[446+16:510], make([]byte, 48)) {
		return Write{}, false
	}
	binary.LittleEndian.PutUint32(b[446+12:], uint32(min(sectors-1, 1<<32-1)))
	return Write{Offset: 0, Data: b, Why: "the protective MBR"}, true
}

// Disk is what a plan is carried out on.
type Disk interface {
	io.WriterAt
	Sync() error
}

// Apply carries out the steps, each on the disk before the next.
func Apply(d Disk, writes []Write) error {
	for _, w := range writes {
		if _, err := d.WriteAt(w.Data, w.Offset); err != nil {
			return fmt.Errorf("writing %s: %w", w.Why, err)
		}
		if err := d.Sync(); err != nil {
			return fmt.Errorf("writing %s: %w", w.Why, err)
		}
	}
	return nil
}

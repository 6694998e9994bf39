package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

// Sector is the only sector size the image is made for.
const Sector = 512

const (
	headerSize = 92
	entrySize  = 128
	entryCount = 128
	// arraySectors is the length of the entries: 32.
	arraySectors = entrySize * entryCount / Sector
)

var signature = []byte("EFI PART")

// header is the part of the table that says where the rest is.
type header struct {
	Signature   [8]byte
	Revision    uint32
	Size        uint32
	CRC         uint32
	Reserved    uint32
	My          uint64
	Alternate   uint64
	FirstUsable uint64
	LastUsable  uint64
	Disk        [16]byte
	Entries     uint64
	Count       uint32
	EntrySize   uint32
	EntriesCRC  uint32
}

// Partition is one entry. First and Last are sectors, both inside.
type Partition struct {
	Number      int
	Type, GUID  string
	First, Last uint64
	Name        string
}

// Table is one valid copy of the partition table.
type Table struct {
	header  header
	entries []byte
}

// Read reads the copy at the disk's start and checks it.
func Read(r io.ReaderAt) (Table, error) { return read(r, 1) }

func read(r io.ReaderAt, at uint64) (Table, error) {
	var t Table
	b := make([]byte, Sector)
	if _, err := r.ReadAt(b, int64(at*Sector)); err != nil {
		return t, fmt.Errorf("reading sector %d: %w", at, err)
	}
	if _, err := binary.Decode(b, binary.LittleEndian, &t.header); err != nil {
		return t, err
	}
	h := t.header
	switch {
	case !bytes.Equal(h.Signature[:], signature):
		return t, fmt.Errorf("sector %d is not a partition table", at)
	case h.Size != headerSize:
		return t, fmt.Errorf("the partition table's header has %d bytes instead of %d", h.Size, headerSize)
	case h.CRC != h.sum():
		return t, errors.New("the partition table's header does not match its checksum")
	case h.My != at:
		return t, fmt.Errorf("the partition table in sector %d says it is in sector %d", at, h.My)
	case h.Count != entryCount || h.EntrySize != entrySize:
		return t, fmt.Errorf("the partition table has %d entries of %d bytes instead of %d of %d", h.Count, h.EntrySize, entryCount, entrySize)
	case h.Entries < 2 || h.Entries > 1<<40:
		return t, fmt.Errorf("the partition table's entries are said to be in sector %d", h.Entries)
	}
	t.entries = make([]byte, arraySectors*Sector)
	if _, err := r.ReadAt(t.entries, int64(h.Entries*Sector)); err != nil {
		return t, fmt.Errorf("reading the partition table's entries: %w", err)
	}
	if crc32.ChecksumIEEE(t.entries) != h.EntriesCRC {
		return t, errors.New("the partition table's entries do not match their checksum")
	}
	return t, nil
}

// sum is the header's checksum, which is made with its own place empty.
func (h header) sum() uint32 {
	h.CRC = 0
	return crc32.ChecksumIEEE(h.bytes())
}

func (h header) bytes() []byte {
	b, err := binary.Append(nil, binary.LittleEndian, h)
	if err != nil {
		panic(err) // a fixed struct of numbers
	}
	return b
}

// sealed is the header as a sector, with its checksum.
func (h header) sealed() []byte {
	h.CRC = h.sum()
	return append(h.bytes(), make([]byte, Sector-headerSize)...)
}

// Partitions are the entries in use.
func (t Table) Partitions() []Partition {
	var out []Partition
	for i := range entryCount {
		e := t.entries[i*entrySize : (i+1)*entrySize]
		if bytes.Equal(e[:16], make([]byte, 16)) {
			continue
		}
		out = append(out, Partition{
			Number: i + 1, Type: guid(e[:16]), GUID: guid(e[16:32]),
			First: binary.LittleEndian.Uint64(e[32:]), Last: binary.LittleEndian.Uint64(e[40:]),
			Name: name(e[56:128]),
		})
	}
	return out
}

// guid is the usual spelling; the first three groups are stored backwards.
func guid(b []byte) string {
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]),
		binary.LittleEndian.Uint16(b[6:]), binary.BigEndian.Uint16(b[8:]), b[10:16])
}

func name(b []byte) string {
	var u []uint16
	for i := 0; i+1 < len(b); i += 2 {
		c := binary.LittleEndian.Uint16(b[i:])
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return string(utf16.Decode(u))
}

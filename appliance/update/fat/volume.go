package fat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// mostClusters bounds the memory; the boot partition has an eighth of it.
const mostClusters = 1 << 20

// Values of the table, without the four bits that are not ours.
const (
	valueMask = 0x0fffffff
	free      = 0
	bad       = 0x0ffffff7
	last      = 0x0fffffff // and everything above bad
)

// The marks: two bits in the table's second entry that are set when all is well,
// two in the boot sector that are set when it is not.
const (
	cleanEntry = 1 << 27
	soundEntry = 1 << 26
	markAt     = 65
	dirtyMark  = 1
	scanMark   = 2
)

// volume is where everything lies, in bytes.
type volume struct {
	sector, cluster int64
	tables          [2]int64
	table           int64 // the part of a table that is in use, in whole sectors
	data            int64 // of cluster 2
	count           uint32
	root            uint32
	info, backup    int64
}

// in tells whether a number is one of a cluster.
func (v volume) in(c uint32) bool { return c >= 2 && c-2 < v.count }

// at is where a cluster lies.
func (v volume) at(c uint32) int64 { return v.data + int64(c-2)*v.cluster }

var order = binary.LittleEndian

// readVolume reads the geometry and refuses what mkfs.fat does not make.
func readVolume(r io.ReaderAt, size int64) (volume, []byte, error) {
	boot := make([]byte, 512)
	if err := readAt(r, boot, 0, "the boot sector"); err != nil {
		return volume{}, nil, err
	}
	v, err := parseBoot(boot, size)
	if err != nil {
		return v, nil, fmt.Errorf("this is no FAT32 file system as the image has it: %w", err)
	}
	boot = make([]byte, v.sector)
	return v, boot, readAt(r, boot, 0, "the boot sector")
}

func parseBoot(b []byte, size int64) (volume, error) {
	var (
		sector   = int64(order.Uint16(b[11:]))
		each     = int64(b[13])
		reserved = int64(order.Uint16(b[14:]))
		total    = int64(order.Uint32(b[32:]))
		table    = int64(order.Uint32(b[36:]))
		info     = int64(order.Uint16(b[48:]))
		backup   = int64(order.Uint16(b[50:]))
	)
	// For FAT32 the small one is zero, says the specification; mkfs.fat writes it
	// where it is large enough.
	small := int64(order.Uint16(b[19:]))
	v := volume{sector: sector, cluster: sector * each, root: order.Uint32(b[44:])}
	switch {
	case b[510] != 0x55 || b[511] != 0xaa:
		return v, errors.New("its first sector is no boot sector")
	case sector < 512 || sector > 4096 || sector&(sector-1) != 0:
		return v, fmt.Errorf("it has sectors of %d bytes", sector)
	case each == 0 || each&(each-1) != 0 || v.cluster > 64<<10:
		return v, fmt.Errorf("it has clusters of %d sectors", each)
	case order.Uint16(b[17:]) != 0 || order.Uint16(b[22:]) != 0 || table == 0 || (total == 0) == (small == 0):
		return v, errors.New("it is a FAT of another kind")
	case order.Uint16(b[42:]) != 0:
		return v, errors.New("it is of a later version")
	case b[16] != 2 || order.Uint16(b[40:])&0x80 != 0:
		return v, errors.New("it does not keep two equal copies of its table")
	case info == 0 || info >= reserved || backup == 0 || backup >= reserved || info == backup:
		return v, errors.New("the count of free clusters or the second boot sector is out of its place")
	case total+small > size/sector:
		return v, fmt.Errorf("it is larger than the partition (%d sectors of %d)", total+small, size/sector)
	}
	clusters := (total + small - reserved - 2*table) / each
	if clusters < 1 || clusters > mostClusters {
		return v, fmt.Errorf("it has %d clusters, and can have up to %d", clusters, mostClusters)
	}
	v.count = uint32(clusters)
	v.table = ((clusters+2)*4 + sector - 1) / sector * sector
	if v.table > table*sector {
		return v, errors.New("its table is too short for its clusters")
	}
	v.tables = [2]int64{reserved * sector, (reserved + table) * sector}
	v.data = (reserved + 2*table) * sector
	v.info, v.backup = info*sector, backup*sector
	if !v.in(v.root) {
		return v, errors.New("its first folder is out of its place")
	}
	return v, nil
}

func readAt(r io.ReaderAt, p []byte, off int64, what string) error {
	if n, err := r.ReadAt(p, off); n < len(p) {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

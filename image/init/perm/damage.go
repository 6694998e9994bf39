package perm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Damaged says whether an ext4 says of itself that it is: the kernel found an error in
// it, or did not leave it whole. After a power cut alone it is not; there the journal
// says what was under way, and the kernel sees to that when it mounts.
func Damaged(r io.ReaderAt) (bool, error) {
	b := make([]byte, superblockSize)
	if _, err := r.ReadAt(b, superblock); err != nil {
		return false, fmt.Errorf("reading the superblock: %w", err)
	}
	if binary.LittleEndian.Uint16(b[56:]) != 0xef53 {
		return false, errors.New("there is no ext4 to look at")
	}
	const valid, faulty = 1, 2
	state, errorsSeen := binary.LittleEndian.Uint16(b[58:]), binary.LittleEndian.Uint32(b[0x194:])
	return state&valid == 0 || state&faulty != 0 || errorsSeen > 0, nil
}

// Package gpt reads a disk's partition table and grows the last partition to
// the end of the disk, so that the table is whole after every single write.
//
// The image is smaller than the disk it is written to, so the first start moves
// the backup table to the disk's end and the last partition's end with it.
// Linux takes the backup only when it is told to, and without a root it waits
// for ever; so a cut between the entries and their checksum must not happen at
// all. [Plan] therefore never changes entries a valid header points at: they
// are written beside, the header is switched over (one sector), and back again
// once the usual place holds the same. Functions only read and plan; [Apply]
// writes. Nothing here is safe for two writers.
package gpt

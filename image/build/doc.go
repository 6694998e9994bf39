// Package build assembles a flashable disk image and the signed bundle of the
// same version from Go modules and Debian packages.
//
// The same inputs give the same bytes: the clock is the last commit's, identifiers
// are derived from product and board (or drawn, if asked for), every list is sorted.
// An instance description in gok's format says what is inside; what gok knows and
// this builder does not is refused, not ignored.
//
// Image and Bundle may be called from several processes at once: they take turns by
// a lock in the cache, which also keeps roots and boot partitions by their inputs.
//
// Root squashfs and FAT are made by mksquashfs, mkfs.fat and mtools. go-diskfs could
// write both, but its squashfs fails on a link that leads nowhere (/etc/resolv.conf)
// and its FAT takes the times of its entries from the clock; the partition table, the
// only part where its output is fixed by its input, is its work.
package build

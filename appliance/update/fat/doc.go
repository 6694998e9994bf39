// Package fat finds what a power cut leaves wrong in the boot partition's FAT32
// and mends it, because the image has no other program that does.
//
// Linux never clears the mark of an unclean end that it finds when it mounts,
// so after one cut a technician's computer offers to repair the card for ever;
// and a kernel that was half written when the power went holds space that no
// name leads to, until no update fits.
//
// What is right stands in Microsoft's FAT specification (fatgen103, version
// 1.03): geometry in "Boot Sector and BPB" and "FAT Type Determination", the
// table, its two copies, its four untouchable bits and the marks in its second
// entry in "FAT Data Structure", the count of free clusters in "FAT32 FSInfo
// Sector Structure and Backup Boot Sector", names in "FAT Directory Structure".
// The mark in the boot sector (byte 65) is not in it; it is Windows' and
// Linux's. Folders are read to the end of their chain, as Linux does, and not to
// the first unused name.
//
// Mend trusts the first copy of the table, which is the one Linux reads. It
// frees chains no name leads to, cuts what a chain has beyond its file's size,
// ends a chain that runs into a free cluster there (Linux writes names before
// tables), forgets the chain of an empty file, and sets the second copy, the
// count and the marks right. It never writes a file's content, and of a folder
// only the first cluster's number of an empty file. What it cannot mend without
// guessing it reports: a file shorter than its size and a second name for the
// same clusters (package slots replaces both) stay and are no reason to
// keep the mark; anything worse, and nothing at all is written.
//
// The writes are ordered: names, the first copy, the second, the count, the
// marks, each on the disk before the next. A cut in between leaves what was
// wrong before, or less of it, and the mark is still there.
//
// Check only reads. Both may be given anything: memory is bounded by the number
// of clusters, and work by the number of clusters and names. A Device is for one
// goroutine at a time, and nobody may have it mounted.
package fat

// Package slots decides which of the two systems on the disk starts next, and
// writes that down so that no power cut leaves the box without one that starts.
//
// A box carries two slots, a and b. Each has a root partition of its own and,
// on the boot partition, a directory with its own kernel, command line and
// (Raspberry Pi) device trees, so a new version brings its kernel along and the
// old one keeps its own.
//
// On amd64 systemd-boot counts boots: the entry b+2.conf may be tried twice;
// the loader renames it to b+1-1.conf and b+0-2.conf as it does so, and an
// entry without tries left comes last. Committing writes b.conf beside it and
// then removes the counted names. On the Raspberry Pi the firmware reads
// tryboot.txt in place of config.txt for exactly one start, when asked to by
// the argument of reboot(2); committing replaces config.txt. The Pi's half
// follows the firmware's published rules and has not run on hardware yet.
//
// The order of writes is the promise: the slot's entry is removed before its
// files are overwritten (Drop), written when they are complete (Arm), and
// counts as committed only after the new system said so (Commit). An entry is
// one sector with the kernel's path in its last line, so that a torn one names
// no kernel and is passed over. A new file is never made by renaming over one
// that may share its clusters with a left-over of an earlier power cut.
// What a cut leaves wrong in the file system itself, init mends before anything
// mounts it (package fat).
//
// Everything but With works on Files, so a test can cut the power after every
// single operation. A Boot is for one goroutine at a time; With holds a lock
// among processes while the partition is mounted.
package slots

// Package perm makes and measures the file system that keeps everything the
// school entered: it tells what a partition holds, and makes an ext4 where there
// is nothing at all.
//
// A partition with any known signature is never formatted, whatever state it is
// in, and neither is one that carries the mark of a /perm in use though its
// superblock is gone: a file system that cannot be mounted is a matter for a
// person, not for a program that would replace signatures by an empty disk. A
// new file system is small (at most 256 MiB) and then grown by the kernel while mounted, so that a
// card of 128 GB is ready as fast as one of 8; and its superblock, which makes
// it one, is written last. Nothing here is safe for two writers.
package perm

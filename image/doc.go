// Package image is the way from this source to a box: one file to flash, and one
// signed file for each version after that.
//
//	instances/  what is on the image, one gok instance description for each board
//	build/      assembles root, boot partition, disk image, bundle and bill of materials
//	mkimage/    the command behind `make image`, `make bundle` and `make keys`
//	init/       the first process of the box
//
// Nothing imports it: the box runs what it makes, not what makes it.
package image

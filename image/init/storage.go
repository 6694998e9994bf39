package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"stairgate/image/init/gpt"
	"stairgate/image/init/perm"
)

const permFolder = "/perm"

// permNumber is the partition of /perm, the last on the disk.
const permNumber = 4

// mountPerm gives the box its memory: the partition is grown to the disk's end
// and formatted if it never was, the file system mounted and grown with it.
//
// Whatever goes wrong is said and left: without /perm, or with one that can only
// be read, the appliance runs and says so on its page. A file system that
// cannot be mounted is never formatted: it may be the school's signatures. The
// returned function lets go of what gokrazy must not mount in our place.
func mountPerm(d disk) (release func()) {
	if err := growPartition(d); err != nil {
		log.Printf("the disk stays as it is, /perm cannot use all of it: %v", err)
	}
	held := holdTwins(d)
	if err := mountPartition("/dev/"+d.parts[permNumber], d.permSize()); err != nil {
		log.Printf("STORAGE: %v", err)
		held = append(held, hold("/dev/"+d.parts[permNumber])...)
	}
	return func() {
		for _, f := range held {
			if err := f.Close(); err != nil {
				log.Printf("letting go of %s: %v", f.Name(), err)
			}
		}
	}
}

// growPartition makes /perm's partition reach to the end of the disk.
func growPartition(d disk) (err error) {
	if s := d.attribute("queue/logical_block_size"); s != "512" {
		return fmt.Errorf("the disk has sectors of %s bytes; the image is made for 512", s)
	}
	f, err := os.OpenFile("/dev/"+d.name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	plan, err := gpt.Plan(f, size, permNumber)
	if err != nil {
		return err
	}
	if len(plan.Writes) > 0 {
		if err := gpt.Apply(f, plan.Writes); err != nil {
			return err
		}
		log.Printf("/perm's partition now reaches to the end of the disk")
	}
	p := plan.Partition
	if want := int64(p.Last-p.First+1) * gpt.Sector; want != d.permSize() {
		return tellKernel(f, p)
	}
	return nil
}

// tellKernel changes the size the kernel has noted; the other partitions are in
// use, so it cannot read the table again as a whole.
func tellKernel(f *os.File, p gpt.Partition) error {
	part := unix.BlkpgPartition{Start: int64(p.First) * gpt.Sector, Length: int64(p.Last-p.First+1) * gpt.Sector, Pno: int32(p.Number)}
	arg := unix.BlkpgIoctlArg{Op: unix.BLKPG_RESIZE_PARTITION, Datalen: int32(unsafe.Sizeof(part)), Data: (*byte)(unsafe.Pointer(&part))}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&arg))); errno != 0 {
		return fmt.Errorf("telling the kernel of the partition's new size: %w", errno)
	}
	return nil
}

// permFlags keeps programs off the partition that the network's answers end
// up on.
const permFlags = unix.MS_NOATIME | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

func mountPartition(device string, size int64) (err error) {
	f, err := os.OpenFile(device, os.O_RDWR|unix.O_EXCL, 0)
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) {
		f, err = os.OpenFile(device, os.O_RDONLY, 0) // a card with its lock on
	}
	if err != nil {
		return fmt.Errorf("the partition for /perm cannot be opened; the box runs without a memory: %w", err)
	}
	what, err := perm.Signature(f)
	if err == nil && what == "" {
		log.Print("this is the box's first start: /perm is formatted")
		if err = perm.Format(f, size); err == nil {
			what = perm.EXT4
		}
	}
	have := int64(0)
	if err == nil && what == perm.EXT4 {
		if have, err = perm.Size(f); err != nil {
			have, err = size, nil // mounting will tell
		}
		if e := perm.Mark(f); e != nil {
			log.Print(e) // a card with its lock on
		}
		repairPerm(f, device)
	}
	if e := f.Close(); e != nil && !errors.Is(e, os.ErrClosed) {
		log.Printf("closing %s: %v", device, e)
	}
	switch {
	case err != nil:
		return fmt.Errorf("/perm cannot be made; the box runs without a memory. If this happens at every start, the storage is broken: replace it: %w", err)
	case what != perm.EXT4:
		return fmt.Errorf("the partition for /perm holds something else (%s) and is left alone; the box runs without a memory. Write the image to the storage again if nothing on it is needed", what)
	}
	if err := unix.Mount(device, permFolder, perm.EXT4, permFlags, "errors=remount-ro"); err != nil {
		return mountReadOnly(device, err)
	}
	if have < size-least {
		if err := perm.Grow(permFolder, size); err != nil {
			log.Printf("/perm does not use its whole partition: %v", err)
		}
	}
	return nil
}

// least is what must be gained for the file system to be grown.
const least = 16 << 20

// mountReadOnly saves what can be read.
func mountReadOnly(device string, why error) error {
	for _, options := range []string{"", "noload"} {
		if err := unix.Mount(device, permFolder, perm.EXT4, permFlags|unix.MS_RDONLY, options); err == nil {
			log.Printf("STORAGE: /perm can only be read: %v. Nothing new can be signed; make a backup on the admin page and replace the storage", why)
			return nil
		}
	}
	return fmt.Errorf("/perm is there, but cannot be mounted, and is not formatted, because it may be repaired on another computer (e2fsck); the box runs without a memory: %w", why)
}

// holdTwins looks for other disks with our identifiers, says so, and keeps
// gokrazy, which searches by identifier, from mounting theirs.
func holdTwins(d disk) []*os.File {
	ours, err := bootGUID("/dev/" + d.name)
	if err != nil {
		log.Printf("the disk's own identifiers cannot be read: %v", err)
		return nil
	}
	var held []*os.File
	others, err := os.ReadDir("/sys/block")
	if err != nil {
		log.Printf("looking for other disks: %v", err)
	}
	for _, o := range others {
		guid, err := bootGUID("/dev/" + o.Name())
		if o.Name() == d.name || err != nil || guid != ours {
			continue // no partition table, or another one
		}
		log.Printf("STORAGE: disks %s and %s carry the same identifiers. The box uses %s, where its system was started from; take the other one out, or write the image to it with identifiers of its own", d.name, o.Name(), d.name)
		twin, err := diskNamed("/sys", o.Name())
		if err != nil {
			log.Print(err)
			continue
		}
		held = append(held, hold("/dev/"+twin.parts[permNumber])...)
	}
	return held
}

// bootGUID is the identifier of a disk's first partition.
func bootGUID(device string) (guid string, err error) {
	f, err := os.Open(device)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	t, err := gpt.Read(f)
	if err != nil {
		return "", err
	}
	for _, p := range t.Partitions() {
		if p.Number == 1 {
			return p.GUID, nil
		}
	}
	return "", errors.New("there is no first partition")
}

// hold claims a partition, so that nobody can mount it.
func hold(device string) []*os.File {
	f, err := os.OpenFile(device, os.O_RDONLY|unix.O_EXCL, 0)
	if err != nil {
		log.Printf("holding %s: %v", device, err)
		return nil
	}
	return []*os.File{f}
}

// permSize is how large the kernel takes /perm's partition to be.
func (d disk) permSize() int64 {
	var sectors int64
	if _, err := fmt.Sscan(d.attribute(filepath.Join(d.parts[permNumber], "size")), &sectors); err != nil {
		log.Printf("the size of /perm's partition: %v", err)
	}
	return sectors * gpt.Sector
}

// attribute is what sysfs says of the disk.
func (d disk) attribute(name string) string {
	b, err := os.ReadFile(filepath.Join(d.sys, name))
	if err != nil {
		log.Printf("asking the kernel about the disk: %v", err)
	}
	return strings.TrimSpace(string(b))
}

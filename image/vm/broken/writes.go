package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"stairgate/appliance/update"
	"stairgate/appliance/update/fat"
	"stairgate/appliance/update/slots"
)

// bootDevice is the boot partition of the machine with a SATA disk.
const bootDevice = "/dev/sda1"

// writes is an init that mends the boot partition and then does to it what an
// update does, again and again, until the power is cut.
func writes() error {
	_ = unix.Mount("devtmpfs", "/dev", "devtmpfs", 0, "") // it may be there
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		return err
	}
	f, err := os.OpenFile(bootDevice, os.O_RDWR|unix.O_EXCL, 0)
	if err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	report, err := fat.Mend(f, size)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Println("broken: mended:", report)
	kernel := make([]byte, 6<<20)
	for i := 0; ; i++ {
		copy(kernel, fmt.Sprint(time.Now()))
		if err := slots.With(bootDevice, func(dir string) error { return install(slots.Dir(dir), kernel) }); err != nil {
			return err
		}
		fmt.Println("broken: written", i)
	}
}

func install(dir slots.Dir, kernel []byte) error {
	boot, err := slots.Open(slots.AMD64, dir, "guid")
	if err != nil {
		return err
	}
	files := update.BootDir{Dir: dir}
	if err := boot.Drop(slots.B); err != nil {
		return err
	}
	if err := files.Clear(slots.B); err != nil {
		return err
	}
	for _, name := range []string{"b/vmlinuz", "b/overlays/first.dtbo", "b/overlays/second.dtbo"} {
		if err := files.Copy(name, bytes.NewReader(kernel)); err != nil {
			return err
		}
	}
	return boot.Arm(slots.B, "0.2.0", "")
}

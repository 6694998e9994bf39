package slots

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// BootDevice is where init leaves the boot partition.
const BootDevice = "/dev/stairgate/boot"

const (
	mountPoint = "/run/stairgate/boot"
	mountLock  = "/run/stairgate/boot.lock"
)

// With mounts the boot partition for the moment of a change, one process at a
// time, and takes it away again: what is not mounted cannot be damaged.
func With(device string, do func(dir string) error) (err error) {
	if err := os.MkdirAll(mountPoint, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(mountLock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("wait for the boot partition: %w", err)
	}
	// A process that ended in the middle has left it mounted.
	for unix.Unmount(mountPoint, 0) == nil {
	}
	// errors=continue: two names for the same clusters, which a power cut can
	// leave, must not make the partition read-only in the middle of the repair.
	// MS_DIRSYNC: names change on the disk in the order of the calls. Contents are
	// synced by who writes them; to sync every write of a kernel takes minutes.
	const flags = unix.MS_DIRSYNC | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME
	if err := unix.Mount(device, mountPoint, "vfat", flags, "errors=continue,umask=0077"); err != nil {
		return fmt.Errorf("mount the boot partition %s: %w", device, err)
	}
	defer func() {
		if e := unix.Unmount(mountPoint, 0); e != nil {
			err = errors.Join(err, fmt.Errorf("unmount the boot partition: %w", e))
		}
	}()
	return do(mountPoint)
}

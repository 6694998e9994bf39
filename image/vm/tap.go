package vm

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"stairgate/appliance/lab"
)

// makeTap makes a tap device on a host. It outlives the machines that are
// plugged into it: while none is, it has no carrier.
func makeTap(ctx context.Context, h *lab.Host, name string) error {
	if _, err := h.Run(ctx, "ip", "tuntap", "add", "dev", name, "mode", "tap"); err != nil {
		return fmt.Errorf("%w (the machines' network cards need /dev/net/tun)", err)
	}
	_, err := h.Run(ctx, "ip", "link", "set", name, "up")
	return err
}

// openTap opens a tap device for QEMU.
func openTap(h *lab.Host, name string) (*os.File, error) {
	var f *os.File
	err := h.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("opening /dev/net/tun: %w", err)
		}
		req, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
			_ = unix.Close(fd)
			return fmt.Errorf("plugging into %s: %w", name, err)
		}
		f = os.NewFile(uintptr(fd), name)
		return nil
	})
	return f, err
}

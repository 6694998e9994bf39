package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// passwordFile makes gokrazy's web server listen on every private address.
const passwordFile = "/etc/gokr-pw.txt"

// mountPseudo mounts what is needed before gokrazy.Boot; Boot takes it as it
// finds it. The kernel may have mounted /dev already.
func mountPseudo() error {
	for _, m := range []struct{ kind, at string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mounting %s: %w", m.at, err)
		}
	}
	return nil
}
